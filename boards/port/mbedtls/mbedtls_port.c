// SPDX-License-Identifier: MIT

// What mbedTLS asks of a port: the time, and random numbers.

#include "py/mphal.h"
#include "shared/timeutils/timeutils.h"
#include "mbedtls/entropy.h"
#include "mbedtls/platform_time.h"
#include "psa/crypto.h"
#include "mbedtls/mbedtls_config_port.h"
#include "mbedtls/mbedtls_port.h"
#include "random.h"
#include "versions.h"

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000

time_t mbedtls_port_time(time_t *timer) {
    (void)timer;
    return mp_hal_time_ns() / NS_PER_S;
}

mbedtls_ms_time_t mbedtls_ms_time(void) {
    return mp_hal_time_ns() / NS_PER_MS;
}

struct tm *mbedtls_platform_gmtime_r(const mbedtls_time_t *time, struct tm *tm) {
    timeutils_struct_time_t split;
    timeutils_seconds_since_epoch_to_struct_time(*time, &split);
    *tm = (struct tm) {
        .tm_year = split.tm_year - 1900,
        .tm_mon = split.tm_mon - 1,
        .tm_mday = split.tm_mday,
        .tm_hour = split.tm_hour,
        .tm_min = split.tm_min,
        .tm_sec = split.tm_sec,
    };
    return tm;
}

#if !HAS_MBEDTLS_HARDWARE_POLL

// An exception, such as KeyboardInterrupt, may leave this while the generator gets its seed. All
// that mbedTLS had then belongs to the context that is being made, whose finaliser frees it.
int mbedtls_hardware_poll(void *data, unsigned char *output, size_t len, size_t *olen) {
    (void)data;
    mp_hal_get_random(len, output);
    *olen = len;
    return 0;
}

#endif

#if MICROPY_PY_SSL_TLS1_3

// Without the entropy device where nothing has asked it yet: an exception is not to leave PSA. A
// context of TLS has asked it.
psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
    uint8_t *output, size_t size, size_t *length) {
    (void)context;
    random_now(size, output);
    *length = size;
    return PSA_SUCCESS;
}

#endif

void mbedtls_port_deinit(void) {
    #if MICROPY_PY_SSL_TLS1_3
    mbedtls_psa_crypto_free();
    #endif
}
