// SPDX-License-Identifier: MIT

// How socket.getaddrinfo() waits for an answer. MicroPython's own code leaves lwIP with a pointer
// to its stack, where the answer would be written even if Ctrl-C had ended the wait: so it calls
// this in the place of lwIP's function, and what lwIP writes into is here.

#include "py/nlr.h"
#include "py/runtime.h"
#include "lwip/dns.h"

// As many as lwIP can ask for at a time.
#define REQUESTS DNS_TABLE_SIZE

enum {
    FREE,
    WAITING,
    FOUND,
    FAILED,
    ABANDONED,
};

typedef struct {
    volatile uint8_t state;
    ip_addr_t address;
} request_t;

static request_t requests[REQUESTS];

static void on_answer(const char *name, const ip_addr_t *address, void *arg) {
    (void)name;
    request_t *request = arg;
    if (request->state == ABANDONED) {
        request->state = FREE;
    } else if (address != NULL) {
        request->address = *address;
        request->state = FOUND;
    } else {
        request->state = FAILED;
    }
}

static request_t *free_request(void) {
    for (size_t i = 0; i < REQUESTS; ++i) {
        if (requests[i].state == FREE) {
            return &requests[i];
        }
    }
    return NULL;
}

static void wait(request_t *request) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        while (request->state == WAITING) {
            mp_event_wait_ms(1);
        }
        nlr_pop();
    } else {
        request->state = request->state == WAITING ? ABANDONED : FREE;
        nlr_jump(nlr.ret_val);
    }
}

// As dns_gethostbyname_addrtype(), but never returns ERR_INPROGRESS.
err_t network_resolve(const char *name, ip_addr_t *address, dns_found_callback found, void *arg,
    u8_t type) {
    (void)found;
    (void)arg;
    request_t *request = free_request();
    if (request == NULL) {
        return ERR_MEM;
    }
    request->state = WAITING;
    err_t err = dns_gethostbyname_addrtype(name, address, on_answer, request, type);
    if (err == ERR_INPROGRESS) {
        wait(request);
        *address = request->address;
        // The number that getaddrinfo() has for a name that there is not.
        err = request->state == FOUND ? ERR_OK : -2;
    }
    request->state = FREE;
    return err;
}
