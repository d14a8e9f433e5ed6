// SPDX-License-Identifier: MIT

// How lwIP is configured: MicroPython's choice, with the sizes of a machine that has memory. A
// board may have other sizes in its mpconfigboard.h. What sockets.c and the other files rely on is
// fixed.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_LWIP_LWIPOPTS_H
#define MICROPY_INCLUDED_BOARDS_PORT_LWIP_LWIPOPTS_H

#include <stdint.h>
#include "py/mpconfig.h"

// As many as there can be; see bridge.c.
#define NETWORK_BRIDGES                 4

// For sys_timeouts_get_next_timeout().
#define LWIP_TESTMODE                   1

#define LWIP_IPV4                       1
#define LWIP_IPV6                       1
#define LWIP_IPV6_DHCP6                 1
#define LWIP_ND6_QUEUEING               1
// What is sent to a neighbour whose address is being asked for waits, not just the last of it.
#define ARP_QUEUEING                    1
#ifndef ARP_QUEUE_LEN
#define ARP_QUEUE_LEN                   64
#endif
#ifndef MEMP_NUM_ARP_QUEUE
#define MEMP_NUM_ARP_QUEUE              128
#endif
// Each interface may have a router of its own, and another one.
#define LWIP_ND6_NUM_ROUTERS            (2 * NETWORK_BRIDGES)
#define LWIP_ND6_NUM_PREFIXES           (3 * NETWORK_BRIDGES)
#ifndef LWIP_ND6_RDNSS_MAX_DNS_SERVERS
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS  1
#endif
#define LWIP_NETIF_EXT_STATUS_CALLBACK  1
#define LWIP_MULTICAST_TX_OPTIONS       1
#define LWIP_TCP_SACK_OUT               1
#define TCP_QUEUE_OOSEQ                 1
#define SO_REUSE_RXTOALL                1
#define LWIP_TCP_KEEPALIVE              1

// modlwip counts the bytes that there is room for with 16 bits.
#ifndef TCP_MSS
#define TCP_MSS                         1460
#endif
#ifndef TCP_WND
#define TCP_WND                         (44 * TCP_MSS)
#endif
#ifndef TCP_SND_BUF
#define TCP_SND_BUF                     (44 * TCP_MSS)
#endif
#ifndef TCP_SND_QUEUELEN
#define TCP_SND_QUEUELEN                (4 * TCP_SND_BUF / TCP_MSS)
#endif

// What is sent comes from the heap of MEM_SIZE bytes, what is received from the pool.
#ifndef MEM_SIZE
#define MEM_SIZE                        (1024 * 1024)
#endif
#ifndef PBUF_POOL_SIZE
#define PBUF_POOL_SIZE                  512
#endif
#ifndef PBUF_POOL_BUFSIZE
#define PBUF_POOL_BUFSIZE               1536
#endif
#ifndef MEMP_NUM_PBUF
#define MEMP_NUM_PBUF                   256
#endif
#ifndef MEMP_NUM_TCP_PCB
#define MEMP_NUM_TCP_PCB                256
#endif
#ifndef MEMP_NUM_TCP_PCB_LISTEN
#define MEMP_NUM_TCP_PCB_LISTEN         32
#endif
#ifndef MEMP_NUM_TCP_SEG
#define MEMP_NUM_TCP_SEG                2048
#endif
#ifndef MEMP_NUM_RAW_PCB
#define MEMP_NUM_RAW_PCB                16
#endif

// The largest datagram is 45 packets: two may go out at a time, and four come in.
#ifndef MEMP_NUM_FRAG_PBUF
#define MEMP_NUM_FRAG_PBUF              90
#endif
#ifndef MEMP_NUM_ND6_QUEUE
#define MEMP_NUM_ND6_QUEUE              90
#endif
#ifndef IP_REASS_MAX_PBUFS
#define IP_REASS_MAX_PBUFS              180
#endif
#ifndef MEMP_NUM_REASSDATA
#define MEMP_NUM_REASSDATA              16
#endif
// Of use on 64 bits.
#define IPV6_FRAG_COPYHEADER            1

// An interface is in the group of all, and in that of mDNS; with IPv6 in those of its addresses,
// too. Programs join others.
#ifndef MEMP_NUM_IGMP_GROUP
#define MEMP_NUM_IGMP_GROUP             (2 * NETWORK_BRIDGES + 32)
#endif
#ifndef MEMP_NUM_MLD6_GROUP
#define MEMP_NUM_MLD6_GROUP             (4 * NETWORK_BRIDGES + 32)
#endif

#ifndef DNS_TABLE_SIZE
#define DNS_TABLE_SIZE                  16
#endif
#ifndef DNS_MAX_SERVERS
#define DNS_MAX_SERVERS                 3
#endif

// 127.0.0.1. What lwIP calls multithreading is that it says when there is something to poll for.
#define LWIP_NETIF_LOOPBACK             1
#define LWIP_NETIF_LOOPBACK_MULTITHREADING 1
#define tcpip_try_callback(poll, netif) network_poll_loopback(netif)
int network_poll_loopback(void *netif);

uint32_t network_random(void);
#define LWIP_RAND()                     network_random()
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) network_random()

// See network_tcp.c.
struct pbuf;
struct netif;
int network_tcp_see_ip4(struct pbuf *packet, struct netif *netif);
int network_tcp_see_ip6(struct pbuf *packet, struct netif *netif);
#define LWIP_HOOK_IP4_INPUT(packet, netif) network_tcp_see_ip4(packet, netif)
#define LWIP_HOOK_IP6_INPUT(packet, netif) network_tcp_see_ip6(packet, netif)

#include "extmod/lwip-include/lwipopts_common.h"

// That file has these, whatever a board says.
// How much memory is left: see sockets.c.
#undef LWIP_STATS
#define LWIP_STATS                      1

#undef MEM_ALIGNMENT
#define MEM_ALIGNMENT                   8
// Where none is left lwIP goes on without: a timer that is not set again is gone. With mDNS each
// interface has two, and five for each version of IP.
#undef MEMP_NUM_SYS_TIMEOUT
#define MEMP_NUM_SYS_TIMEOUT            (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 12 * NETWORK_BRIDGES)
#undef MEMP_NUM_UDP_PCB
#define MEMP_NUM_UDP_PCB                64

#endif // MICROPY_INCLUDED_BOARDS_PORT_LWIP_LWIPOPTS_H
