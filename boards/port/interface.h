// SPDX-License-Identifier: MIT

// A network interface of lwIP's, whose frames are moved by somebody else. A frame that lwIP sends
// is put into a queue, since lwIP must not be entered again from where it sends.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_INTERFACE_H
#define MICROPY_INCLUDED_BOARDS_PORT_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "extmod/modnetwork.h"
#include "lwip/netif.h"

#define INTERFACE_MAC_SIZE 6
// Frames that wait to be sent; a power of two.
#define INTERFACE_QUEUE_SIZE 512

// What the device does about checksums: it completes them, it has them checked.
enum {
    OFFLOAD_OUT = 1,
    OFFLOAD_IN = 2,
};

// As of network.LAN elsewhere.
enum {
    STATUS_INACTIVE = 0,
    STATUS_NO_LINK = 1,
    STATUS_NO_ADDRESS = 2,
    STATUS_CONNECTED = 3,
};

// lwIP keeps pointers to it, so it is not on the heap.
typedef struct {
    struct netif netif;
    void (*on_waiting)(void); // called when lwIP has put a frame into the queue
    char hostname[MICROPY_PY_NETWORK_HOSTNAME_MAX_LEN + 1];
    struct pbuf *queue[INTERFACE_QUEUE_SIZE];
    unsigned int first;     // counts up for ever
    unsigned int last;      // behind the last one
    unsigned int offload;
    unsigned int dropped_in;
    unsigned int dropped_out;
} interface_t;

void interface_add(interface_t *interface, const uint8_t *mac, unsigned int mtu,
    unsigned int offload, void (*on_waiting)(void));
void interface_remove(interface_t *interface);

// Whether it takes part; if it is to, it begins to look for an address.
bool interface_is_active(const interface_t *interface);
void interface_activate(interface_t *interface);
void interface_deactivate(interface_t *interface);
int interface_status(const interface_t *interface);

// Takes the name that network.hostname() has now. If it takes part, others are told.
void interface_follow_hostname(interface_t *interface);

// The queue: how many frames wait, and the length of the next one, of which there must be one.
unsigned int interface_waiting(const interface_t *interface);
size_t interface_next_length(const interface_t *interface);

// Copies the next frame to behind `offset` bytes of `buffer`, where there is room for it, and in
// front of which there is for what checksum.h says; it is no longer in the queue then.
void interface_take_next(interface_t *interface, void *buffer, size_t offset);

// The next frame, or all of them, are lost.
void interface_drop_next(interface_t *interface);
void interface_drop_waiting(interface_t *interface);

// Hands in a frame that was received, which is behind `offset` bytes of `buffer`.
void interface_input(interface_t *interface, const void *buffer, size_t offset, size_t length);

#endif // MICROPY_INCLUDED_BOARDS_PORT_INTERFACE_H
