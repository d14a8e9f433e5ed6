// SPDX-License-Identifier: MIT

// Addresses of sockets.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_ADDRESS_H
#define MICROPY_INCLUDED_BOARDS_PORT_ADDRESS_H

#include <stdbool.h>
#include <string.h>
#include "lwip/ip_addr.h"
#include "lwip/netif.h"

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

// As ipaddr_ntoa_r(), for IPADDR_STRLEN_MAX characters of `text`. An address that is good on one
// link only is followed by the interface: "FE80::1%en1".
static inline char *address_text(const ip_addr_t *address, char *text) {
    ipaddr_ntoa_r(address, text, IPADDR_STRLEN_MAX);
    if (IP_IS_V6(address) && ip6_addr_has_zone(ip_2_ip6(address))) {
        size_t length = strlen(text);
        text[length] = '%';
        netif_index_to_name(ip6_addr_zone(ip_2_ip6(address)), text + length + 1);
    }
    return text;
}

#endif // MICROPY_INCLUDED_BOARDS_PORT_ADDRESS_H
