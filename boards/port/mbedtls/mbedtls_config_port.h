// SPDX-License-Identifier: MIT

// What mbedTLS is to have: MicroPython's choice for boards without an operating system, and more
// speed where there is room. A board that is to have more, or less, names a file of its own that
// includes this one: MBEDTLS_CONFIG_FILE in its mpconfigboard.mk.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_MBEDTLS_CONFIG_PORT_H
#define MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_MBEDTLS_CONFIG_PORT_H

#include <time.h>

#include "py/mpconfig.h"

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

// The other cipher as fast as it can be: a table of 4 KiB a key, and no layer between.
#define MBEDTLS_GCM_LARGE_TABLE
#define MBEDTLS_BLOCK_CIPHER_C

// An implementation of the curve that is several times as fast as the general one.
#define MBEDTLS_ECDH_VARIANT_EVEREST_ENABLED

// Instructions for SHA-256. Those for AES bring nothing in QEMU.
#if defined(__aarch64__)
#define MBEDTLS_SHA256_USE_ARMV8_A_CRYPTO_IF_PRESENT
#endif

#if MICROPY_PY_SSL_TLS1_3
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
// MicroPython has no name for a session, so that there is none to be resumed.
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT
#define MBEDTLS_HKDF_C

#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
// As many keys as there is memory for; none of them outlives the program.
#define MBEDTLS_PSA_KEY_STORE_DYNAMIC
#define MBEDTLS_PSA_KEY_SLOT_COUNT      1
// Nobody else writes to what is being encrypted.
#define MBEDTLS_PSA_ASSUME_EXCLUSIVE_BUFFERS
#endif

#endif // MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_MBEDTLS_CONFIG_PORT_H
