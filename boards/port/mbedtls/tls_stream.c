// SPDX-License-Identifier: MIT

// What MicroPython's module tls lacks about the streams below it, and about their ends.

#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "guard.h"
#include "sockets_close.h"
#include "tls_stream.h"

void tls_stream_set(mbedtls_ssl_context *ssl, void *stream, mbedtls_ssl_send_t *send,
    mbedtls_ssl_recv_t *receive, mbedtls_ssl_recv_timeout_t *receive_timeout) {
    mbedtls_ssl_set_user_data_p(ssl, *(mp_obj_t *)stream);
    mbedtls_ssl_set_bio(ssl, stream, send, receive, receive_timeout);
}

// ---- The end.

// Over datagrams others follow on the same socket: the first ends with the demand for a cookie.
static bool is_connection(const mbedtls_ssl_context *ssl) {
    return ssl->MBEDTLS_PRIVATE(conf) != NULL
           && ssl->MBEDTLS_PRIVATE(conf)->MBEDTLS_PRIVATE(transport) == MBEDTLS_SSL_TRANSPORT_STREAM;
}

// As far as there is room for it now.
static int send_at_once(void *stream, const unsigned char *data, size_t length) {
    const mp_stream_p_t *protocol = mp_get_stream(stream);
    int err;
    mp_uint_t ready = protocol->ioctl(stream, MP_STREAM_POLL, MP_STREAM_POLL_WR, &err);
    if (ready == MP_STREAM_ERROR || !(ready & MP_STREAM_POLL_WR)) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    mp_uint_t sent = protocol->write(stream, data, length, &err);
    return sent == MP_STREAM_ERROR ? MBEDTLS_ERR_SSL_WANT_WRITE : (int)sent;
}

// Tells the peer that this is the end, and that nobody has cut anything off. If that cannot be, or
// the stream fails, it is closed all the same.
static void say_goodbye(mbedtls_ssl_context *ssl, mp_obj_t stream) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mbedtls_ssl_set_bio(ssl, stream, send_at_once, NULL, NULL);
        if (ssl->MBEDTLS_PRIVATE(out_left) > 0) {
            // A part of a record was sent, and this sends the rest of it alone.
            mbedtls_ssl_close_notify(ssl);
        }
        mbedtls_ssl_close_notify(ssl);
        // A server of TLS 1.3 sends tickets, which a client that only writes has not read.
        sockets_close_gently(stream);
        nlr_pop();
    } else if (mp_obj_exception_match(MP_OBJ_FROM_PTR(nlr.ret_val),
        MP_OBJ_FROM_PTR(&mp_type_KeyboardInterrupt))) {
        guard_interrupt_again();
    }
}

// A connection whose handshake has failed is closed at once. MicroPython's module tls forgets its
// stream then, which nobody else may know any more: a connection would stay until a collection.
void tls_stream_free(mbedtls_ssl_context *ssl) {
    mp_obj_t stream = mbedtls_ssl_get_user_data_p(ssl);
    bool begun = stream != MP_OBJ_NULL && ssl->MBEDTLS_PRIVATE(conf) != NULL;
    bool failed = begun && is_connection(ssl) && !mbedtls_ssl_is_handshake_over(ssl);
    if (begun && !failed) {
        say_goodbye(ssl, stream);
    }
    mbedtls_ssl_free(ssl);
    if (failed) {
        int err;
        mp_get_stream(stream)->ioctl(stream, MP_STREAM_CLOSE, 0, &err);
    }
}

// A client of TLS 1.3 that gives up before it has said anything under the new keys, for example
// because of the certificate, says so without them. mbedTLS takes that for a broken record.
static int said(const mbedtls_ssl_context *ssl, int result) {
    const unsigned char *record = ssl->MBEDTLS_PRIVATE(in_hdr);
    bool is_plain_alert = result == MBEDTLS_ERR_SSL_INVALID_MAC
        && !mbedtls_ssl_is_handshake_over((mbedtls_ssl_context *)ssl)
        && record != NULL && record[0] == MBEDTLS_SSL_MSG_ALERT
        && record[3] == 0 && record[4] == 2 && record[5] == MBEDTLS_SSL_ALERT_LEVEL_FATAL;
    return is_plain_alert ? MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE : result;
}

// Ctrl-C ends a handshake, too.
int tls_stream_handshake(mbedtls_ssl_context *ssl) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        int result = said(ssl, mbedtls_ssl_handshake(ssl));
        nlr_pop();
        return result;
    }
    tls_stream_free(ssl);
    nlr_jump(nlr.ret_val);
}

// ---- Errors.

// What MicroPython's module takes for the number of one of the stream's, made negative.
#define MAX_ERRNO 255

// An error of the stream below, such as that the time is over, is the program's to deal with.
// MicroPython's module would have it negative, and say it again for ever.
static int checked(mbedtls_ssl_context *ssl, int result) {
    if (-MAX_ERRNO <= result && result < 0 && mbedtls_ssl_is_handshake_over(ssl)) {
        mp_raise_OSError(-result);
    }
    return said(ssl, result);
}

int tls_stream_read(mbedtls_ssl_context *ssl, unsigned char *buffer, size_t length) {
    return checked(ssl, mbedtls_ssl_read(ssl, buffer, length));
}

int tls_stream_write(mbedtls_ssl_context *ssl, const unsigned char *data, size_t length) {
    return checked(ssl, mbedtls_ssl_write(ssl, data, length));
}
