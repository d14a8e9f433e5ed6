// How lwIP is configured: MicroPython's choice, with the sizes of a machine that has memory.

#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#include <stdint.h>

// For sys_timeouts_get_next_timeout().
#define LWIP_TESTMODE                   1

#define LWIP_IPV4                       1
#define LWIP_IPV6                       1
#define LWIP_IPV6_DHCP6                 1
#define LWIP_ND6_QUEUEING               1
// What is sent to a neighbour whose address is being asked for waits, not just the last of it.
#define ARP_QUEUEING                    1
#define ARP_QUEUE_LEN                   64
#define MEMP_NUM_ARP_QUEUE              128
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS  1
#define LWIP_NETIF_EXT_STATUS_CALLBACK  1
#define LWIP_MULTICAST_TX_OPTIONS       1
#define LWIP_TCP_SACK_OUT               1
#define TCP_QUEUE_OOSEQ                 1
#define SO_REUSE_RXTOALL                1
#define LWIP_TCP_KEEPALIVE              1

// modlwip counts the bytes that there is room for with 16 bits.
#define TCP_MSS                         1460
#define TCP_WND                         (44 * TCP_MSS)
#define TCP_SND_BUF                     (44 * TCP_MSS)
#define TCP_SND_QUEUELEN                (4 * TCP_SND_BUF / TCP_MSS)

// What is sent comes from the heap of MEM_SIZE bytes, what is received from the pool.
#define MEM_SIZE                        (1024 * 1024)
#define PBUF_POOL_SIZE                  512
#define PBUF_POOL_BUFSIZE               1536
#define MEMP_NUM_PBUF                   256
#define MEMP_NUM_TCP_PCB                256
#define MEMP_NUM_TCP_PCB_LISTEN         32
#define MEMP_NUM_TCP_SEG                2048
#define MEMP_NUM_RAW_PCB                16

// The largest datagram is 45 packets: two may go out at a time, and four come in.
#define MEMP_NUM_FRAG_PBUF              90
#define MEMP_NUM_ND6_QUEUE              90
#define IP_REASS_MAX_PBUFS              180
#define MEMP_NUM_REASSDATA              16
// Of use on 64 bits.
#define IPV6_FRAG_COPYHEADER            1

#define DNS_TABLE_SIZE                  16
#define DNS_MAX_SERVERS                 3

// 127.0.0.1. What lwIP calls multithreading is that it says when there is something to poll for.
#define LWIP_NETIF_LOOPBACK             1
#define LWIP_NETIF_LOOPBACK_MULTITHREADING 1
#define tcpip_try_callback(poll, netif) network_poll_loopback(netif)
int network_poll_loopback(void *netif);

uint32_t network_random(void);
#define LWIP_RAND()                     network_random()
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) network_random()

// See tcp.c.
struct pbuf;
struct netif;
int network_see_ip4(struct pbuf *packet, struct netif *netif);
int network_see_ip6(struct pbuf *packet, struct netif *netif);
#define LWIP_HOOK_IP4_INPUT(packet, netif) network_see_ip4(packet, netif)
#define LWIP_HOOK_IP6_INPUT(packet, netif) network_see_ip6(packet, netif)

#include "extmod/lwip-include/lwipopts_common.h"

// How much memory is left: see sockets.c.
#undef LWIP_STATS
#define LWIP_STATS                      1

#undef MEM_ALIGNMENT
#define MEM_ALIGNMENT                   8
#undef MEMP_NUM_UDP_PCB
#define MEMP_NUM_UDP_PCB                64

#endif
