// SPDX-License-Identifier: MIT

// For MicroPython's module tls, which calls these in the place of mbedTLS's functions.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_TLS_STREAM_H
#define MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_TLS_STREAM_H

#include "mbedtls/ssl.h"

// mbedtls_ssl_set_bio()
void tls_stream_set(mbedtls_ssl_context *ssl, void *stream, mbedtls_ssl_send_t *send,
    mbedtls_ssl_recv_t *receive, mbedtls_ssl_recv_timeout_t *receive_timeout);

// mbedtls_ssl_free()
void tls_stream_free(mbedtls_ssl_context *ssl);

// mbedtls_ssl_handshake()
int tls_stream_handshake(mbedtls_ssl_context *ssl);

// mbedtls_ssl_read(). Raises OSError for an error of the stream.
int tls_stream_read(mbedtls_ssl_context *ssl, unsigned char *buffer, size_t length);

// mbedtls_ssl_write(). Raises OSError for an error of the stream.
int tls_stream_write(mbedtls_ssl_context *ssl, const unsigned char *data, size_t length);

#endif // MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_TLS_STREAM_H
