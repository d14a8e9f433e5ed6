// SPDX-License-Identifier: MIT

// Where TCP needs more than lwIP and MicroPython's sockets do by themselves.

#include "address.h"
#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/ip6_zone.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "sockets.h"

// ---- For MicroPython's sockets, which call these in the place of lwIP's functions.

// While the cable is out there is no way to the peer. What was taken to be sent waits for it to
// come back, as it would if the frames were lost on the way.
err_t network_tcp_output(struct tcp_pcb *pcb) {
    err_t err = tcp_output(pcb);
    return err == ERR_RTE ? ERR_OK : err;
}

// What came before a connection was accepted is handed out now, not when a timer looks for it; so
// is the end, which lwIP tells of only once. It makes room for another one that waits, too.
void network_tcp_recv(struct tcp_pcb *pcb, tcp_recv_fn recv) {
    tcp_recv(pcb, recv);
    if (recv == NULL) {
        return;
    }
    tcp_backlog_accepted(pcb);
    if (pcb->refused_data != NULL) {
        tcp_process_refused_data(pcb);
    }
    if (pcb->state == CLOSE_WAIT) {
        recv(pcb->callback_arg, pcb, NULL, ERR_OK);
    }
}

// As on Linux: two have the same port only if both say SO_REUSEADDR, and none of them listens.
static bool is_taken(const struct tcp_pcb *pcb, const ip_addr_t *address, u16_t port) {
    for (size_t i = 0; i < NUM_TCP_PCB_LISTS; ++i) {
        for (const struct tcp_pcb *other = *tcp_pcb_lists[i]; other != NULL; other = other->next) {
            bool shared = ip_get_option(pcb, SOF_REUSEADDR) && ip_get_option(other, SOF_REUSEADDR)
                && other->state != LISTEN;
            if (other != pcb && other->local_port == port && !shared
                && address_overlaps(&other->local_ip, address)) {
                return true;
            }
        }
    }
    return false;
}

err_t network_tcp_bind(struct tcp_pcb *pcb, const ip_addr_t *address, u16_t port) {
    if (pcb == NULL) {
        return ERR_CLOSED;
    }
    if (pcb->state != CLOSED || pcb->local_port != 0) {
        return ERR_VAL;
    }
    address = address_of_both(address);
    if (port != 0 && is_taken(pcb, address, port)) {
        return ERR_USE;
    }
    return tcp_bind(pcb, address, port);
}

// Another one may have begun to listen since both were bound.
struct tcp_pcb *network_tcp_listen(struct tcp_pcb *pcb, u8_t backlog, err_t *err) {
    if (pcb->state == CLOSED && pcb->local_port != 0
        && is_taken(pcb, &pcb->local_ip, pcb->local_port)) {
        *err = ERR_USE;
        return NULL;
    }
    return tcp_listen_with_backlog_and_err(pcb, backlog, err);
}

// So that the peer has room for its end.
static void take_unread(struct tcp_pcb *pcb) {
    if (pcb->refused_data != NULL) {
        pbuf_free(pcb->refused_data);
        pcb->refused_data = NULL;
    }
    while (pcb->rcv_wnd < TCP_WND_MAX(pcb)) {
        tcp_recved(pcb, LWIP_MIN(TCP_WND_MAX(pcb) - pcb->rcv_wnd, UINT16_MAX));
    }
}

// Nobody waits for what is left of it: it goes first where there is no room for another.
err_t network_tcp_close(struct tcp_pcb *pcb) {
    if (ip_get_option(pcb, SOF_RESET_ON_CLOSE) && pcb->state != LISTEN
        && pcb->state != TIME_WAIT) {
        tcp_abort(pcb);
        return ERR_OK;
    }
    tcp_setprio(pcb, TCP_PRIO_MIN);
    if (ip_get_option(pcb, SOF_DISCARD_ON_CLOSE)
        && (pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT)) {
        take_unread(pcb);
        return tcp_shutdown(pcb, 0, 1);
    }
    return tcp_close(pcb);
}

// ---- For lwIP, which shows each packet that comes before it looks at it.

// A connection that was closed from here stays for two minutes, in which lwIP refuses another from
// the same port of the peer. A peer may open it again if its numbers go on from where they were
// (RFC 9293, 3.6.1): there is no mistaking them for old ones.
static void forget_closed(const ip_addr_t *local, const ip_addr_t *remote,
    const struct tcp_hdr *header) {
    if ((TCPH_FLAGS(header) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN) {
        return;
    }
    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->remote_port == lwip_ntohs(header->src)
            && pcb->local_port == lwip_ntohs(header->dest)
            && ip_addr_eq(&pcb->remote_ip, remote) && ip_addr_eq(&pcb->local_ip, local)) {
            if (TCP_SEQ_GT(lwip_ntohl(header->seqno), pcb->rcv_nxt)) {
                tcp_abort(pcb);
            }
            return;
        }
    }
}

// Both return 0: lwIP goes on with the packet.
int network_tcp_see_ip4(struct pbuf *packet, struct netif *netif) {
    (void)netif;
    const struct ip_hdr *ip = packet->payload;
    if (packet->len < IP_HLEN || IPH_PROTO(ip) != IP_PROTO_TCP
        || packet->len < IPH_HL_BYTES(ip) + TCP_HLEN) {
        return 0;
    }
    ip_addr_t local, remote;
    ip_addr_copy_from_ip4(local, ip->dest);
    ip_addr_copy_from_ip4(remote, ip->src);
    forget_closed(&local, &remote, (const void *)((const char *)ip + IPH_HL_BYTES(ip)));
    return 0;
}

int network_tcp_see_ip6(struct pbuf *packet, struct netif *netif) {
    const struct ip6_hdr *ip = packet->payload;
    if (packet->len < IP6_HLEN + TCP_HLEN || IP6H_NEXTH(ip) != IP6_NEXTH_TCP) {
        return 0;
    }
    ip_addr_t local, remote;
    ip_addr_copy_from_ip6_packed(local, ip->dest);
    ip_addr_copy_from_ip6_packed(remote, ip->src);
    ip6_addr_assign_zone(ip_2_ip6(&local), IP6_UNKNOWN, netif);
    ip6_addr_assign_zone(ip_2_ip6(&remote), IP6_UNICAST, netif);
    forget_closed(&local, &remote, (const void *)((const char *)ip + IP6_HLEN));
    return 0;
}
