// SPDX-License-Identifier: MIT

#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modnetwork.h"
#include "lwip/apps/mdns.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "bridge.h"
#include "network.h"
#include "random.h"
#include "socket_callbacks.h"
#include "timers.h"
#include "virt_irq.h"

// The finest of lwIP's timers is TCP's, of 250 ms.
#define TICK_MS 50

// What devices are given to send the last frames, before they are reset.
#define LAST_FRAMES_MS 10

static mp_sched_node_t timeouts_node;
static mp_sched_node_t loopback_node;

static void check_timeouts(mp_sched_node_t *node) {
    (void)node;
    bridge_follow_hostname();
    sys_check_timeouts();
}

static void on_tick(void) {
    mp_sched_schedule_node(&timeouts_node, check_timeouts);
    virt_irq_tick();
}

static void poll_all(void) {
    struct netif *netif;
    NETIF_FOREACH(netif) {
        netif_poll(netif);
    }
}

static void poll_loopback(mp_sched_node_t *node) {
    (void)node;
    poll_all();
    mp_hal_signal_event();
}

int network_poll_loopback(void *netif) {
    (void)netif;
    mp_sched_schedule_node(&loopback_node, poll_loopback);
    return ERR_OK;
}

uint32_t network_random(void) {
    uint32_t value;
    random_now(sizeof(value), (uint8_t *)&value);
    return value;
}

u32_t sys_now(void) {
    return mp_hal_ticks_ms();
}

// lwIP reads the number at the end of an interface's name by this. The C library's own would set
// errno, which is kept for each of the threads that there are none of.
int atoi(const char *text) {
    int number = 0;
    while ('0' <= *text && *text <= '9') {
        number = 10 * number + *text++ - '0';
    }
    return number;
}

void network_start(void) {
    lwip_init();
    mdns_resp_init();
}

void network_init(void) {
    mod_network_init();
    bridge_init_all();
    socket_callbacks_init();
    timers_tick(TICK_MS, on_tick);
}

void network_serve(void) {
    sys_check_timeouts();
    poll_all();
    bridge_flush_all();
}

void network_end_connections(void) {
    bool were_some = tcp_active_pcbs != NULL;
    while (tcp_active_pcbs != NULL) {
        tcp_abort(tcp_active_pcbs);
    }
    if (were_some) {
        // Without what may raise an exception, as mp_hal_delay_ms() may. Devices may have less room
        // than there are frames.
        mp_uint_t start = mp_hal_ticks_ms();
        while (mp_hal_ticks_ms() - start <= LAST_FRAMES_MS) {
            bridge_flush_all();
        }
    }
}

void network_deinit(void) {
    timers_tick(0, NULL);
    bridge_deinit_all();
}

void network_abort_connections(void) {
    while (tcp_active_pcbs != NULL) {
        struct tcp_pcb *pcb = tcp_active_pcbs;
        // Its socket, if it still had one, is no more.
        tcp_arg(pcb, NULL);
        tcp_err(pcb, NULL);
        tcp_abort(pcb);
    }
    // A program that begins again would find its port taken by them.
    while (tcp_tw_pcbs != NULL) {
        tcp_abort(tcp_tw_pcbs);
    }
}
