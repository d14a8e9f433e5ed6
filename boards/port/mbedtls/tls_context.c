// SPDX-License-Identifier: MIT

// MicroPython's module tls, which is compiled here, and what its contexts have beyond it: the
// versions of TLS that a program allows.

#include "py/obj.h"
#include "py/runtime.h"
#include "psa/crypto.h"
#include "tls_stream.h"

// ---- Exchanged in MicroPython's code. What it defines by these names is in front of a bracket.

static void ssl_context_attr(mp_obj_t self, qstr attr, mp_obj_t *dest);
static void set_suites(mbedtls_ssl_config *conf, const int *suites);
#if MICROPY_PY_SSL_TLS1_3
static void start_psa(void);
#endif

#define ssl_context_attr(...) attr_of_module(__VA_ARGS__)
#define mbedtls_ssl_conf_ciphersuites(conf, suites) set_suites(conf, suites)
#define psa_crypto_init() start_psa()
#define mbedtls_ssl_set_bio tls_stream_set
#define mbedtls_ssl_free tls_stream_free
#define mbedtls_ssl_handshake tls_stream_handshake
#define mbedtls_ssl_read tls_stream_read
#define mbedtls_ssl_write tls_stream_write
#include "extmod/modtls_mbedtls.c"
#undef ssl_context_attr
#undef mbedtls_ssl_conf_ciphersuites
#undef psa_crypto_init

#if MICROPY_PY_SSL_TLS1_3

// There is no room for its keys if it does not start.
static void start_psa(void) {
    if (psa_crypto_init() != PSA_SUCCESS) {
        mp_raise_OSError(MP_ENOMEM);
    }
}

#endif

// ---- Versions.

#if MICROPY_PY_SSL_TLS1_3
#define NEWEST MBEDTLS_SSL_VERSION_TLS1_3
#else
#define NEWEST MBEDTLS_SSL_VERSION_TLS1_2
#endif
#define OLDEST MBEDTLS_SSL_VERSION_TLS1_2

// What ssl.TLSVersion, as CPython's, has for these.
#define MINIMUM_SUPPORTED -2
#define MAXIMUM_SUPPORTED -1

typedef struct {
    int minimum, maximum;
} versions_t;

// What the program allows is the user's data of a configuration, less what it is at first.
static versions_t allowed(const mbedtls_ssl_config *conf) {
    uintptr_t raised = mbedtls_ssl_conf_get_user_data_n((mbedtls_ssl_config *)conf);
    return (versions_t) { OLDEST + (raised & 1), NEWEST - (raised >> 1) };
}

static void allow(mbedtls_ssl_config *conf, versions_t versions) {
    mbedtls_ssl_conf_set_user_data_n(conf,
        (versions.minimum - OLDEST) | (NEWEST - versions.maximum) << 1);
}

// A connection has a version only if there is a suite for it: who offers version 1.3 and suites of
// 1.2 alone is refused by servers that could do 1.2.
static void apply(mbedtls_ssl_config *conf) {
    versions_t versions = allowed(conf);
    versions_t of_suites = { NEWEST, OLDEST };
    for (const int *suite = conf->MBEDTLS_PRIVATE(ciphersuite_list); *suite != 0; ++suite) {
        const mbedtls_ssl_ciphersuite_t *info = mbedtls_ssl_ciphersuite_from_id(*suite);
        if (info != NULL) {
            of_suites.minimum = MIN(of_suites.minimum, (int)info->MBEDTLS_PRIVATE(min_tls_version));
            of_suites.maximum = MAX(of_suites.maximum, (int)info->MBEDTLS_PRIVATE(max_tls_version));
        }
    }
    if (conf->MBEDTLS_PRIVATE(transport) == MBEDTLS_SSL_TRANSPORT_DATAGRAM) {
        of_suites.maximum = MBEDTLS_SSL_VERSION_TLS1_2;
    }
    mbedtls_ssl_conf_min_tls_version(conf, MAX(versions.minimum, of_suites.minimum));
    mbedtls_ssl_conf_max_tls_version(conf, MIN(versions.maximum, of_suites.maximum));
}

static void set_suites(mbedtls_ssl_config *conf, const int *suites) {
    mbedtls_ssl_conf_ciphersuites(conf, suites);
    apply(conf);
}

// ---- Attributes.

static void set_version(mbedtls_ssl_config *conf, qstr attr, mp_obj_t value) {
    mp_int_t version = mp_obj_get_int(value);
    if (version == MINIMUM_SUPPORTED || version == MAXIMUM_SUPPORTED) {
        version = version == MINIMUM_SUPPORTED ? OLDEST : NEWEST;
    }
    if (version < OLDEST || version > NEWEST) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("%q " INT_FMT " is none: %d (TLS 1.2) to %d are"), attr, version,
            OLDEST, NEWEST);
    }
    versions_t versions = allowed(conf);
    *(attr == MP_QSTR_minimum_version ? &versions.minimum : &versions.maximum) = version;
    allow(conf, versions);
    apply(conf);
}

static void ssl_context_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    mbedtls_ssl_config *conf = &((mp_obj_ssl_context_t *)MP_OBJ_TO_PTR(self_in))->conf;
    if (attr != MP_QSTR_minimum_version && attr != MP_QSTR_maximum_version) {
        attr_of_module(self_in, attr, dest);
    } else if (dest[0] == MP_OBJ_NULL) {
        versions_t versions = allowed(conf);
        dest[0] = MP_OBJ_NEW_SMALL_INT(
            attr == MP_QSTR_minimum_version ? versions.minimum : versions.maximum);
    } else if (dest[1] != MP_OBJ_NULL) {
        set_version(conf, attr, dest[1]);
        dest[0] = MP_OBJ_NULL;
    }
}
