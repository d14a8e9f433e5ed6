// SPDX-License-Identifier: MIT

// The callbacks of sockets (setsockopt(SOL_SOCKET, 20, callback)). MicroPython's sockets put them
// into the scheduler's queue, where there is room for a few, and what finds none is lost. On this
// port each socket has a mark of its own: that its callback is to be called.

#include <string.h>

#include "py/mphal.h"
#include "py/runtime.h"
#include "lwip/opt.h"
#include "callback.h"
#include "socket_callbacks.h"

// Only sockets of TCP have them: connections, and those that listen.
#define SOCKETS (MEMP_NUM_TCP_PCB + MEMP_NUM_TCP_PCB_LISTEN)

// In the order in which they are to be called: the first `count`.
#define sockets MP_STATE_VM(socket_callbacks_sockets)
#define callbacks MP_STATE_VM(socket_callbacks_functions)
static size_t count;

static mp_sched_node_t node;

bool socket_callbacks_schedule(mp_obj_t callback, mp_obj_t socket);

static mp_obj_t take_first(mp_obj_t *callback) {
    mp_obj_t socket = sockets[0];
    *callback = callbacks[0];
    --count;
    memmove(sockets, sockets + 1, count * sizeof(mp_obj_t));
    memmove(callbacks, callbacks + 1, count * sizeof(mp_obj_t));
    sockets[count] = callbacks[count] = MP_OBJ_NULL;
    return socket;
}

// Ctrl-C has ended it, and what comes next would only begin it again.
static void switch_off(mp_obj_t socket) {
    mp_obj_t call[5];
    mp_load_method(socket, MP_QSTR_setsockopt, call);
    call[2] = MP_OBJ_NEW_SMALL_INT(0);
    call[3] = MP_OBJ_NEW_SMALL_INT(20);
    call[4] = mp_const_none;
    mp_call_method_n_kw(3, 0, call);
}

static void call_marked(mp_sched_node_t *self) {
    (void)self;
    // What is marked meanwhile is called the next time, so that the main program gets on.
    for (size_t left = count; left > 0 && count > 0; --left) {
        mp_obj_t callback;
        mp_obj_t socket = take_first(&callback);
        mp_call_function_1_protected(callback, socket);
        if (callback_interrupted) {
            switch_off(socket);
        }
    }
    if (count > 0) {
        mp_sched_schedule_node(&node, call_marked);
    }
}

// In the place of mp_sched_schedule() for MicroPython's sockets. They run in the main program
// only, and so does this.
bool socket_callbacks_schedule(mp_obj_t callback, mp_obj_t socket) {
    size_t i = 0;
    while (i < count && sockets[i] != socket) {
        ++i;
    }
    if (i == SOCKETS) {
        return false;
    }
    sockets[i] = socket;
    callbacks[i] = callback;
    count = MAX(count, i + 1);
    mp_sched_schedule_node(&node, call_marked);
    return true;
}

void socket_callbacks_init(void) {
    count = 0;
}

// What reads this line knows none of lwIP's names.
_Static_assert(SOCKETS <= 512, "the arrays are too short");
MP_REGISTER_ROOT_POINTER(mp_obj_t socket_callbacks_sockets[512]);
MP_REGISTER_ROOT_POINTER(mp_obj_t socket_callbacks_functions[512]);
