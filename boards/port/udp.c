// Where UDP needs more than lwIP and MicroPython's sockets do by themselves: they call these in the
// place of lwIP's functions.

#include "py/runtime.h"
#include "lwip/prot/ip4.h"
#include "lwip/udp.h"
#include "address.h"
#include "bridge.h"

// What fits into a packet of IPv4.
#define MAX_DATAGRAM (65535 - IP_HLEN - UDP_HLEN)

// As for what may have to wait for others of its packets.
#define LARGE_DATAGRAM 1400

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

// For a datagram of `length` bytes. A large one becomes many packets, and those of the one before
// go out first, as far as the device has room.
struct pbuf *network_udp_pbuf_alloc(pbuf_layer layer, u16_t length, pbuf_type type) {
    if (length > MAX_DATAGRAM) {
        mp_raise_OSError(MP_EMSGSIZE);
    }
    if (length > LARGE_DATAGRAM) {
        bridges_flush();
    }
    return pbuf_alloc(layer, length, type);
}
