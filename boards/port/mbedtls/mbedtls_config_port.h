// SPDX-License-Identifier: MIT

// What mbedTLS is to have: MicroPython's choice for boards without an operating system, and more
// speed where there is room. A board that is to have more, or less, names a file of its own that
// includes this one: MBEDTLS_CONFIG_FILE in its mpconfigboard.mk.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_MBEDTLS_CONFIG_PORT_H
#define MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_MBEDTLS_CONFIG_PORT_H

#include <time.h>

// From the wall clock, whatever `timer`, which mbedTLS leaves NULL.
time_t mbedtls_port_time(time_t *timer);
#define MBEDTLS_PLATFORM_TIME_MACRO     mbedtls_port_time
#define MBEDTLS_PLATFORM_MS_TIME_ALT    mbedtls_ms_time
#define MBEDTLS_PLATFORM_GMTIME_R_ALT

#define MICROPY_MBEDTLS_CONFIG_BARE_METAL (1)
#include "extmod/mbedtls/mbedtls_config_common.h"

#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_HAVE_ASM
#undef MBEDTLS_SHA256_SMALLER

// A record of full size goes out in one piece.
#undef MBEDTLS_SSL_OUT_CONTENT_LEN
#define MBEDTLS_SSL_OUT_CONTENT_LEN     (MBEDTLS_SSL_MAX_CONTENT_LEN)

// Certificates and keys as text, which is how most come.
#define MBEDTLS_BASE64_C
#define MBEDTLS_PEM_PARSE_C

// For getpeercert().
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE

// For cryptolib.
#define MBEDTLS_CIPHER_MODE_CTR

// The cipher and the curve that are fast without hardware for them.
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED

#endif // MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_MBEDTLS_CONFIG_PORT_H
