// Where UDP needs more than lwIP and MicroPython's sockets do by themselves: they call these in the
// place of lwIP's functions.

#include "lwip/udp.h"
#include "address.h"

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
