// SPDX-License-Identifier: MIT

#include <string.h>

#include "py/mphal.h"
#include "lwip/apps/mdns.h"
#include "lwip/dhcp.h"
#include "lwip/dhcp6.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/memp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "checksum.h"
#include "interface.h"

#define HEADER_SIZE 14
#define VLAN_TAG_SIZE 4

// ---- The queue.

unsigned int interface_waiting(const interface_t *interface) {
    return interface->last - interface->first;
}

static struct pbuf *next_out(const interface_t *interface) {
    return interface->queue[interface->first % INTERFACE_QUEUE_SIZE];
}

size_t interface_next_length(const interface_t *interface) {
    return next_out(interface)->tot_len;
}

static void remove_next(interface_t *interface) {
    pbuf_free(next_out(interface));
    ++interface->first;
}

void interface_drop_next(interface_t *interface) {
    remove_next(interface);
    ++interface->dropped_out;
}

void interface_drop_waiting(interface_t *interface) {
    while (interface_waiting(interface) > 0) {
        interface_drop_next(interface);
    }
}

void interface_take_next(interface_t *interface, void *buffer, size_t offset) {
    uint8_t *frame = (uint8_t *)buffer + offset;
    size_t length = interface_next_length(interface);
    pbuf_copy_partial(next_out(interface), frame, length, 0);
    if (interface->offload & OFFLOAD_OUT) {
        checksum_request(buffer, frame, length);
    }
    remove_next(interface);
}

// ---- What lwIP sends, and what it is given.

// lwIP sends a frame. It is told of success in any case: an error would get to the program that
// uses the socket, which can do nothing about it, while TCP sends again what is lost.
static err_t link_output(struct netif *netif, struct pbuf *frame) {
    interface_t *interface = (interface_t *)netif;
    if (interface_waiting(interface) == INTERFACE_QUEUE_SIZE) {
        ++interface->dropped_out;
        return ERR_OK;
    }
    pbuf_ref(frame);
    interface->queue[interface->last % INTERFACE_QUEUE_SIZE] = frame;
    ++interface->last;
    interface->on_waiting();
    return ERR_OK;
}

// lwIP is done with the checksums of a frame when this returns.
static err_t input_checked(struct pbuf *frame, struct netif *netif) {
    uint16_t flags = netif->chksum_flags;
    netif->chksum_flags &= ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP);
    err_t err = netif->input(frame, netif);
    netif->chksum_flags = flags;
    return err;
}

void interface_input(interface_t *interface, const void *buffer, size_t offset, size_t length) {
    size_t limit = HEADER_SIZE + VLAN_TAG_SIZE + interface->netif.mtu;
    bool checked = (interface->offload & OFFLOAD_IN) && checksum_is_right(buffer);
    struct pbuf *p = NULL;
    if (HEADER_SIZE <= length && length <= limit) {
        p = pbuf_alloc(PBUF_RAW, length, PBUF_POOL);
    }
    if (p == NULL) {
        ++interface->dropped_in;
        return;
    }
    pbuf_take(p, (const char *)buffer + offset, length);
    struct netif *netif = &interface->netif;
    if ((checked ? input_checked(p, netif) : netif->input(p, netif)) != ERR_OK) {
        pbuf_free(p);
        ++interface->dropped_in;
    }
}

// ---- The interface.

static err_t init_netif(struct netif *netif) {
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->hwaddr_len = INTERFACE_MAC_SIZE;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET
        | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = link_output;
    return ERR_OK;
}

void interface_add(interface_t *interface, const uint8_t *mac, unsigned int mtu,
    unsigned int offload, void (*on_waiting)(void)) {
    memset(interface, 0, sizeof(*interface));
    interface->on_waiting = on_waiting;
    interface->offload = offload;
    struct netif *netif = &interface->netif;
    netif_add(netif, NULL, NULL, NULL, NULL, init_netif, ethernet_input);
    memcpy(netif->hwaddr, mac, INTERFACE_MAC_SIZE);
    netif->mtu = mtu;
    netif->mtu6 = mtu;
    if (offload & OFFLOAD_OUT) {
        // Not of UDP, as a datagram may become several packets.
        NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_GEN_TCP);
    }
    strcpy(interface->hostname, mod_network_hostname_data);
    netif_set_hostname(netif, interface->hostname);
    netif_create_ip6_linklocal_address(netif, 1);
    netif_set_ip6_autoconfig_enabled(netif, 1);
    if (netif_default == NULL) {
        netif_set_default(netif);
    }
}

bool interface_is_active(const interface_t *interface) {
    return netif_is_up(&interface->netif);
}

void interface_activate(interface_t *interface) {
    struct netif *netif = &interface->netif;
    if (!interface_is_active(interface)) {
        interface_follow_hostname(interface);
        netif_set_up(netif);
        mdns_resp_add_netif(netif, interface->hostname);
        dhcp_start(netif);
        dhcp6_enable_stateless(netif);
    }
}

void interface_deactivate(interface_t *interface) {
    struct netif *netif = &interface->netif;
    if (interface_is_active(interface)) {
        dhcp6_disable(netif);
        dhcp_release_and_stop(netif);
        mdns_resp_remove_netif(netif);
        netif_set_down(netif);
    }
}

void interface_follow_hostname(interface_t *interface) {
    if (strcmp(interface->hostname, mod_network_hostname_data) == 0) {
        return;
    }
    strcpy(interface->hostname, mod_network_hostname_data);
    struct netif *netif = &interface->netif;
    if (interface_is_active(interface)) {
        mdns_resp_rename_netif(netif, interface->hostname);
        if (dhcp_supplied_address(netif)) {
            dhcp_renew(netif);
        }
    }
}

// The responder for mDNS leaves some behind.
static void remove_timeouts(const struct netif *netif) {
    struct sys_timeo **link = sys_timeouts_get_next_timeout();
    while (*link != NULL) {
        struct sys_timeo *timeout = *link;
        if (timeout->arg == netif) {
            *link = timeout->next;
            memp_free(MEMP_SYS_TIMEOUT, timeout);
        } else {
            link = &timeout->next;
        }
    }
}

void interface_remove(interface_t *interface) {
    struct netif *netif = &interface->netif;
    interface_deactivate(interface);
    dhcp_cleanup(netif);
    dhcp6_cleanup(netif);
    netif_remove(netif);
    remove_timeouts(netif);
    interface_drop_waiting(interface);
}

static bool has_address(const interface_t *interface) {
    return !ip4_addr_isany(netif_ip4_addr(&interface->netif));
}

int interface_status(const interface_t *interface) {
    if (!interface_is_active(interface)) {
        return STATUS_INACTIVE;
    }
    if (!netif_is_link_up(&interface->netif)) {
        return STATUS_NO_LINK;
    }
    return has_address(interface) ? STATUS_CONNECTED : STATUS_NO_ADDRESS;
}
