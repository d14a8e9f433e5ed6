// SPDX-License-Identifier: MIT

// Where UDP needs more than lwIP and MicroPython's sockets do by themselves: they call these in the
// place of lwIP's functions.

#include "py/mphal.h"
#include "py/runtime.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/udp.h"
#include "address.h"
#include "bridge.h"
#include "sockets.h"

// What may become several packets, and how long these wait for others to go out.
#define LARGE_DATAGRAM 1400
#define WAIT_MS 1000

// It may send to both kinds of addresses, as long as it is bound to none.
struct udp_pcb *network_udp_new(void) {
    return udp_new_ip_type(IPADDR_TYPE_ANY);
}

err_t network_udp_bind(struct udp_pcb *pcb, const ip_addr_t *address, u16_t port) {
    if (pcb == NULL) {
        return ERR_CLOSED;
    }
    return pcb->local_port != 0 ? ERR_VAL : udp_bind(pcb, address_of_both(address), port);
}

// lwIP has room for the packets of two large datagrams.
static void wait_for_room(void) {
    mp_uint_t start = mp_hal_ticks_ms();
    bridge_flush_all();
    while (bridge_some_waiting() && mp_hal_ticks_ms() - start < WAIT_MS) {
        mp_event_wait_ms(1);
    }
}

struct pbuf *network_udp_new_datagram(const ip_addr_t *address, u16_t length) {
    // lwIP counts the bytes of a packet with 16 bits, the header included.
    if (length > UINT16_MAX - (IP_IS_V6(address) ? IP6_HLEN : IP_HLEN) - UDP_HLEN) {
        mp_raise_OSError(MP_EMSGSIZE);
    }
    if (length > LARGE_DATAGRAM) {
        wait_for_room();
    }
    return pbuf_alloc(PBUF_TRANSPORT, length, PBUF_RAM);
}
