// Local addresses that sockets are bound to.

#ifndef PORT_ADDRESS_H
#define PORT_ADDRESS_H

#include <stdbool.h>
#include "lwip/ip_addr.h"

// The address to bind to for one that a program gave: "" and "::" are those of IPv4 and of IPv6.
static inline const ip_addr_t *address_of_both(const ip_addr_t *address) {
    return IP_IS_V6(address) && ip_addr_isany(address) ? IP_ANY_TYPE : address;
}

// Whether something may come for both of two sockets that are bound to them.
static inline bool address_overlaps(const ip_addr_t *a, const ip_addr_t *b) {
    if (IP_IS_ANY_TYPE_VAL(*a) || IP_IS_ANY_TYPE_VAL(*b)) {
        return true;
    }
    return IP_GET_TYPE(a) == IP_GET_TYPE(b)
        && (ip_addr_isany(a) || ip_addr_isany(b) || ip_addr_eq(a, b));
}

#endif
