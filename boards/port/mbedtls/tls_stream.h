// For MicroPython's module tls, which calls these in the place of mbedTLS's functions.

#ifndef PORT_MBEDTLS_TLS_STREAM_H
#define PORT_MBEDTLS_TLS_STREAM_H

#include "mbedtls/ssl.h"

// mbedtls_ssl_set_bio()
void tls_set_stream(mbedtls_ssl_context *ssl, void *stream, mbedtls_ssl_send_t *send,
    mbedtls_ssl_recv_t *receive, mbedtls_ssl_recv_timeout_t *receive_timeout);

// mbedtls_ssl_free()
void tls_free(mbedtls_ssl_context *ssl);

// mbedtls_ssl_handshake()
int tls_handshake(mbedtls_ssl_context *ssl);

// mbedtls_ssl_read(). Raises OSError for an error of the stream.
int tls_read(mbedtls_ssl_context *ssl, unsigned char *buffer, size_t length);

// mbedtls_ssl_write(). Raises OSError for an error of the stream.
int tls_write(mbedtls_ssl_context *ssl, const unsigned char *data, size_t length);

#endif
