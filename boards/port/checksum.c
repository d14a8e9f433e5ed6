// SPDX-License-Identifier: MIT

#include <string.h>

#include "lwip/inet_chksum.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "checksum.h"

typedef struct {
    uint8_t flags;
    uint8_t others[5];
    uint16_t start;
    uint16_t offset;
} header_t;

_Static_assert(sizeof(header_t) == CHECKSUM_HEADER_SIZE, "its fields have their places");

// Of the pseudo header alone, as a device goes on from there.
static uint16_t sum_of_pseudo_header_ip4(const uint8_t *packet, size_t length) {
    ip4_addr_t source, destination;
    memcpy(&source, packet + offsetof(struct ip_hdr, src), sizeof(source));
    memcpy(&destination, packet + offsetof(struct ip_hdr, dest), sizeof(destination));
    return ~inet_chksum_pseudo(NULL, IP_PROTO_TCP, length, &source, &destination);
}

static uint16_t sum_of_pseudo_header_ip6(const uint8_t *packet, size_t length) {
    ip6_addr_t source = { 0 }, destination = { 0 };
    memcpy(&source, packet + offsetof(struct ip6_hdr, src), sizeof(ip6_addr_p_t));
    memcpy(&destination, packet + offsetof(struct ip6_hdr, dest), sizeof(ip6_addr_p_t));
    return ~ip6_chksum_pseudo(NULL, IP_PROTO_TCP, length, &source, &destination);
}

// Where the TCP header begins in a packet, and the sum to put there; 0 if it is something else.
static size_t find_tcp(const uint8_t *packet, size_t length, uint16_t type, uint16_t *sum) {
    if (type == ETHTYPE_IP && length >= IP_HLEN) {
        size_t start = 4 * (packet[0] & 0x0f);
        if (packet[offsetof(struct ip_hdr, _proto)] == IP_PROTO_TCP
            && length >= start + TCP_HLEN) {
            *sum = sum_of_pseudo_header_ip4(packet, length - start);
            return start;
        }
    }
    if (type == ETHTYPE_IPV6 && length >= IP6_HLEN + TCP_HLEN
        && packet[offsetof(struct ip6_hdr, _nexth)] == IP6_NEXTH_TCP) {
        *sum = sum_of_pseudo_header_ip6(packet, length - IP6_HLEN);
        return IP6_HLEN;
    }
    return 0;
}

void checksum_request(void *header, void *frame, size_t length) {
    header_t fields = { 0 };
    uint8_t *bytes = frame;
    if (length > SIZEOF_ETH_HDR) {
        uint16_t type = bytes[12] << 8 | bytes[13];
        uint16_t sum;
        size_t start = find_tcp(bytes + SIZEOF_ETH_HDR, length - SIZEOF_ETH_HDR, type, &sum);
        if (start > 0) {
            fields.flags = CHECKSUM_INCOMPLETE;
            fields.start = SIZEOF_ETH_HDR + start;
            fields.offset = offsetof(struct tcp_hdr, chksum);
            memcpy(bytes + fields.start + fields.offset, &sum, sizeof(sum));
        }
    }
    memcpy(header, &fields, sizeof(fields));
}

bool checksum_is_right(const void *header) {
    return (((const header_t *)header)->flags & (CHECKSUM_INCOMPLETE | CHECKSUM_CHECKED)) != 0;
}
