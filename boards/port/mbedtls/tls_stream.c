// A connection whose handshake has failed is closed at once. MicroPython's module tls forgets its
// stream then, which nobody else may know any more: a connection would stay until a collection.

#include "py/runtime.h"
#include "py/stream.h"
#include "tls_stream.h"

void tls_set_stream(mbedtls_ssl_context *ssl, void *stream, mbedtls_ssl_send_t *send,
    mbedtls_ssl_recv_t *receive, mbedtls_ssl_recv_timeout_t *receive_timeout) {
    mbedtls_ssl_set_user_data_p(ssl, *(mp_obj_t *)stream);
    mbedtls_ssl_set_bio(ssl, stream, send, receive, receive_timeout);
}

// Over datagrams others follow on the same socket: the first ends with the demand for a cookie.
static bool is_connection(const mbedtls_ssl_context *ssl) {
    return ssl->MBEDTLS_PRIVATE(conf) != NULL
           && ssl->MBEDTLS_PRIVATE(conf)->MBEDTLS_PRIVATE(transport) == MBEDTLS_SSL_TRANSPORT_STREAM;
}

void tls_free(mbedtls_ssl_context *ssl) {
    mp_obj_t stream = mbedtls_ssl_get_user_data_p(ssl);
    bool failed = stream != MP_OBJ_NULL && is_connection(ssl)
        && !mbedtls_ssl_is_handshake_over(ssl);
    mbedtls_ssl_free(ssl);
    if (failed) {
        int err;
        mp_get_stream(stream)->ioctl(stream, MP_STREAM_CLOSE, 0, &err);
    }
}

// Ctrl-C ends a handshake, too.
int tls_handshake(mbedtls_ssl_context *ssl) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        int result = mbedtls_ssl_handshake(ssl);
        nlr_pop();
        return result;
    }
    tls_free(ssl);
    nlr_jump(nlr.ret_val);
}
