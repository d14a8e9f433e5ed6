// SPDX-License-Identifier: MIT

// The driver is called when the main program is between two bytecodes, and takes the frames that
// lwIP sends from their queue; what it has received it hands in when it likes.

#include <string.h>

#include "py/mphal.h"
#include "py/objlist.h"
#include "py/runtime.h"
#include "extmod/modnetwork.h"
#include "lwip/dns.h"
#include "bridge.h"
#include "checksum.h"
#include "guard.h"
#include "interface.h"

#define MIN_MTU 576
#define MAX_MTU 9000

typedef struct {
    mp_obj_base_t base;
    interface_t *interface; // NULL after deinit()
    mp_obj_t transmit;
} bridge_obj_t;

static interface_t interfaces[NETWORK_BRIDGES];
static mp_sched_node_t node;

// The bridge of each interface, MP_OBJ_NULL if it is free.
#define bridges MP_STATE_VM(network_bridges)

// Whether `transmit` could be called; if not, its exception has been printed.
static bool call_transmit(bridge_obj_t *bridge) {
    guard_enter();
    mp_obj_t result = mp_call_function_1_protected(bridge->transmit, MP_OBJ_FROM_PTR(bridge));
    guard_leave();
    return result != MP_OBJ_NULL;
}

// Between bytecodes of the main program.
static void transmit_all(mp_sched_node_t *self) {
    (void)self;
    for (size_t i = 0; i < NETWORK_BRIDGES; ++i) {
        if (bridges[i] == MP_OBJ_NULL || interface_waiting(&interfaces[i]) == 0) {
            continue;
        }
        if (!call_transmit(MP_OBJ_TO_PTR(bridges[i]))) {
            // Else they would wait for ever, if it raises every time.
            interface_drop_waiting(&interfaces[i]);
        }
    }
}

static void on_waiting(void) {
    mp_sched_schedule_node(&node, transmit_all);
}

// ---- The Python object.

static interface_t *interface_of(mp_obj_t self_in) {
    bridge_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->interface == NULL) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("the interface was taken away"));
    }
    return self->interface;
}

static void bridge_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    bridge_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->interface == NULL) {
        mp_printf(print, "<Bridge, taken away>");
        return;
    }
    static const char *const names[] = { "inactive", "no link", "no address", "connected" };
    const uint8_t *mac = self->interface->netif.hwaddr;
    mp_printf(print, "<Bridge %02x:%02x:%02x:%02x:%02x:%02x, %s>",
        mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], names[interface_status(self->interface)]);
}

static size_t free_slot(void) {
    for (size_t i = 0; i < NETWORK_BRIDGES; ++i) {
        if (bridges[i] == MP_OBJ_NULL) {
            return i;
        }
    }
    mp_raise_msg_varg(&mp_type_OSError, MP_ERROR_TEXT("there are %d interfaces already"),
        NETWORK_BRIDGES);
}

// Bridge(mac, transmit, mtu=1500, offload=0): an interface with the 6 bytes `mac` as its address.
// `transmit` is called with the bridge when frames wait to be sent, which frame_out() or
// frames_out() give. `offload` says what the device does about checksums, as in checksum.h:
// 1 that it completes them, 2 that it has them checked.
static mp_obj_t bridge_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *all_args) {
    enum { ARG_mac, ARG_transmit, ARG_mtu, ARG_offload };
    static const mp_arg_t allowed_args[] = {
        { MP_QSTR_mac,      MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_transmit, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_mtu,      MP_ARG_INT, {.u_int = 1500} },
        { MP_QSTR_offload,  MP_ARG_INT, {.u_int = 0} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed_args)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed_args), allowed_args,
        args);
    mp_buffer_info_t mac;
    mp_get_buffer_raise(args[ARG_mac].u_obj, &mac, MP_BUFFER_READ);
    if (mac.len != INTERFACE_MAC_SIZE) {
        mp_raise_ValueError(MP_ERROR_TEXT("mac is not 6 bytes"));
    }
    if (!mp_obj_is_callable(args[ARG_transmit].u_obj)) {
        mp_raise_TypeError(MP_ERROR_TEXT("transmit is not callable"));
    }
    mp_int_t mtu = args[ARG_mtu].u_int;
    if (mtu < MIN_MTU || mtu > MAX_MTU) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("mtu is not %d to %d"), MIN_MTU,
            MAX_MTU);
    }
    mp_int_t offload = args[ARG_offload].u_int;
    if (offload & ~(OFFLOAD_OUT | OFFLOAD_IN)) {
        mp_raise_ValueError(MP_ERROR_TEXT("offload is not 0 to 3"));
    }
    size_t slot = free_slot();
    bridge_obj_t *self = mp_obj_malloc(bridge_obj_t, type);
    self->transmit = args[ARG_transmit].u_obj;
    self->interface = &interfaces[slot];
    mod_network_register_nic(MP_OBJ_FROM_PTR(self));
    interface_add(self->interface, mac.buf, mtu, offload, on_waiting);
    bridges[slot] = MP_OBJ_FROM_PTR(self);
    return MP_OBJ_FROM_PTR(self);
}

// deinit(): takes the interface away. Its connections end.
static mp_obj_t bridge_deinit(mp_obj_t self_in) {
    bridge_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->interface != NULL) {
        interface_remove(self->interface);
        bridges[self->interface - interfaces] = MP_OBJ_NULL;
        self->interface = NULL;
        mp_obj_list_remove(MP_OBJ_FROM_PTR(&MP_STATE_PORT(mod_network_nic_list)), self_in);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(bridge_deinit_obj, bridge_deinit);

// active([is_active]): whether it takes part; if it is to, it begins to look for an address.
static mp_obj_t bridge_active(size_t n_args, const mp_obj_t *args) {
    interface_t *interface = interface_of(args[0]);
    if (n_args == 1) {
        return mp_obj_new_bool(interface_is_active(interface));
    }
    if (mp_obj_is_true(args[1])) {
        interface_activate(interface);
    } else {
        interface_deactivate(interface);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(bridge_active_obj, 1, 2, bridge_active);

// link([is_up]): whether there is a cable; the driver says so.
static mp_obj_t bridge_link(size_t n_args, const mp_obj_t *args) {
    struct netif *netif = &interface_of(args[0])->netif;
    if (n_args == 1) {
        return mp_obj_new_bool(netif_is_link_up(netif));
    }
    if (mp_obj_is_true(args[1])) {
        netif_set_link_up(netif);
    } else {
        netif_set_link_down(netif);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(bridge_link_obj, 1, 2, bridge_link);

static mp_obj_t bridge_status(mp_obj_t self_in) {
    return MP_OBJ_NEW_SMALL_INT(interface_status(interface_of(self_in)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(bridge_status_obj, bridge_status);

static mp_obj_t bridge_isconnected(mp_obj_t self_in) {
    return mp_obj_new_bool(interface_status(interface_of(self_in)) == STATUS_CONNECTED);
}
static MP_DEFINE_CONST_FUN_OBJ_1(bridge_isconnected_obj, bridge_isconnected);

// MicroPython leaves it open whether the address of the DNS server that it was given is IPv4's.
static void mend_dns_server(void) {
    ip_addr_t server = *dns_getserver(0);
    IP_SET_TYPE(&server, IPADDR_TYPE_V4);
    dns_setserver(0, &server);
}

static mp_obj_t bridge_ifconfig(size_t n_args, const mp_obj_t *args) {
    struct netif *netif = &interface_of(args[0])->netif;
    mp_obj_t result = mod_network_nic_ifconfig(netif, n_args - 1, args + 1);
    if (n_args > 1 && !mp_obj_is_str(args[1])) {
        mend_dns_server();
    }
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(bridge_ifconfig_obj, 1, 2, bridge_ifconfig);

static mp_obj_t bridge_ipconfig(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    return mod_network_nic_ipconfig(&interface_of(args[0])->netif, n_args - 1, args + 1, kwargs);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(bridge_ipconfig_obj, 1, bridge_ipconfig);

// config(name): "mac", "mtu" or "hostname".
static mp_obj_t bridge_config(mp_obj_t self_in, mp_obj_t name) {
    struct netif *netif = &interface_of(self_in)->netif;
    switch (mp_obj_str_get_qstr(name)) {
        case MP_QSTR_mac:
            return mp_obj_new_bytes(netif->hwaddr, INTERFACE_MAC_SIZE);
        case MP_QSTR_mtu:
            return MP_OBJ_NEW_SMALL_INT(netif->mtu);
        case MP_QSTR_hostname:
            return mod_network_hostname(0, NULL);
        default:
            mp_raise_ValueError(MP_ERROR_TEXT("unknown config param"));
    }
}
static MP_DEFINE_CONST_FUN_OBJ_2(bridge_config_obj, bridge_config);

// dropped(): how many frames were lost because there was no room, or they made no sense: of those
// received, and of those to be sent.
static mp_obj_t bridge_dropped(mp_obj_t self_in) {
    interface_t *interface = interface_of(self_in);
    mp_obj_t items[2] = {
        mp_obj_new_int_from_uint(interface->dropped_in),
        mp_obj_new_int_from_uint(interface->dropped_out),
    };
    return mp_obj_new_tuple(2, items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(bridge_dropped_obj, bridge_dropped);

// ---- Frames.

// The buffer `obj`, which has room behind `offset`, and in front of that for what the device does
// for the frame, if `offload` says that it does something.
static mp_buffer_info_t buffer_of(mp_obj_t obj, mp_int_t offset, mp_uint_t flags,
    unsigned int offload) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(obj, &buffer, flags);
    if (offset < 0 || (size_t)offset > buffer.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("the offset is outside of the buffer"));
    }
    if (offload && offset < CHECKSUM_HEADER_SIZE) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("the offset is less than %d"),
            CHECKSUM_HEADER_SIZE);
    }
    return buffer;
}

// frame_out(buf, offset=0): copies the frame that is to be sent next into `buf`, at `offset`, and
// returns its length; 0 if there is none. ValueError if it does not fit.
static mp_obj_t bridge_frame_out(size_t n_args, const mp_obj_t *args) {
    interface_t *interface = interface_of(args[0]);
    mp_int_t offset = n_args > 2 ? mp_obj_get_int(args[2]) : 0;
    mp_buffer_info_t buffer = buffer_of(args[1], offset, MP_BUFFER_WRITE,
        interface->offload & OFFLOAD_OUT);
    if (interface_waiting(interface) == 0) {
        return MP_OBJ_NEW_SMALL_INT(0);
    }
    size_t length = interface_next_length(interface);
    size_t room = buffer.len - offset;
    if (length > room) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("a frame of %d bytes does not fit into %d"), (int)length, (int)room);
    }
    interface_take_next(interface, buffer.buf, offset);
    return MP_OBJ_NEW_SMALL_INT(length);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(bridge_frame_out_obj, 2, 3, bridge_frame_out);

// frame_in(buf, offset=0, length=the rest): hands in a frame that was received, which is copied.
static mp_obj_t bridge_frame_in(size_t n_args, const mp_obj_t *args) {
    interface_t *interface = interface_of(args[0]);
    mp_int_t offset = n_args > 2 ? mp_obj_get_int(args[2]) : 0;
    mp_buffer_info_t buffer = buffer_of(args[1], offset, MP_BUFFER_READ,
        interface->offload & OFFLOAD_IN);
    mp_int_t rest = buffer.len - offset;
    mp_int_t length = n_args > 3 ? mp_obj_get_int(args[3]) : rest;
    if (length < 0 || length > rest) {
        mp_raise_ValueError(MP_ERROR_TEXT("the length is outside of the buffer"));
    }
    interface_input(interface, buffer.buf, offset, length);
    mp_hal_signal_event();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(bridge_frame_in_obj, 2, 4, bridge_frame_in);

typedef struct {
    mp_obj_t *buffers;
    uint16_t *lengths;
    mp_int_t offset;
    size_t count;
} batch_t;

// Arguments (self, buffers, lengths, offset, count): a list or tuple of buffers, and an
// array('H') with the lengths of the frames in them, which begin at `offset`.
static batch_t batch_of(const mp_obj_t *args, mp_uint_t flags) {
    batch_t batch;
    size_t buffers;
    mp_obj_get_array(args[1], &buffers, &batch.buffers);
    mp_buffer_info_t lengths;
    mp_get_buffer_raise(args[2], &lengths, flags);
    batch.lengths = lengths.buf;
    batch.offset = mp_obj_get_int(args[3]);
    mp_int_t count = mp_obj_get_int(args[4]);
    if (lengths.typecode != 'H') {
        mp_raise_TypeError(MP_ERROR_TEXT("lengths is not an array('H')"));
    }
    if (count < 0 || (size_t)count > MIN(buffers, lengths.len / sizeof(uint16_t))) {
        mp_raise_ValueError(MP_ERROR_TEXT("there are fewer buffers or lengths"));
    }
    batch.count = count;
    return batch;
}

// frames_out(buffers, lengths, offset, count): as frame_out(), for up to `count` frames, each with
// a buffer; sets their lengths, and returns how many there are. A frame that does not fit into
// its buffer is lost.
static mp_obj_t bridge_frames_out(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    interface_t *interface = interface_of(args[0]);
    batch_t batch = batch_of(args, MP_BUFFER_WRITE);
    size_t done = 0;
    while (done < batch.count && interface_waiting(interface) > 0) {
        mp_buffer_info_t buffer = buffer_of(batch.buffers[done], batch.offset, MP_BUFFER_WRITE,
            interface->offload & OFFLOAD_OUT);
        size_t length = interface_next_length(interface);
        if (length > buffer.len - batch.offset) {
            interface_drop_next(interface);
        } else {
            interface_take_next(interface, buffer.buf, batch.offset);
            batch.lengths[done++] = length;
        }
    }
    return MP_OBJ_NEW_SMALL_INT(done);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(bridge_frames_out_obj, 5, 5, bridge_frames_out);

// frames_in(buffers, lengths, offset, count): as frame_in(), for `count` frames.
static mp_obj_t bridge_frames_in(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    interface_t *interface = interface_of(args[0]);
    batch_t batch = batch_of(args, MP_BUFFER_READ);
    for (size_t i = 0; i < batch.count; ++i) {
        mp_buffer_info_t buffer = buffer_of(batch.buffers[i], batch.offset, MP_BUFFER_READ,
            interface->offload & OFFLOAD_IN);
        if (batch.lengths[i] > buffer.len - batch.offset) {
            ++interface->dropped_in;
        } else {
            interface_input(interface, buffer.buf, batch.offset, batch.lengths[i]);
        }
    }
    mp_hal_signal_event();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(bridge_frames_in_obj, 5, 5, bridge_frames_in);

// waiting(): how many frames are to be sent.
static mp_obj_t bridge_waiting(mp_obj_t self_in) {
    return MP_OBJ_NEW_SMALL_INT(interface_waiting(interface_of(self_in)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(bridge_waiting_obj, bridge_waiting);

static const mp_rom_map_elem_t bridge_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&bridge_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_active), MP_ROM_PTR(&bridge_active_obj) },
    { MP_ROM_QSTR(MP_QSTR_link), MP_ROM_PTR(&bridge_link_obj) },
    { MP_ROM_QSTR(MP_QSTR_status), MP_ROM_PTR(&bridge_status_obj) },
    { MP_ROM_QSTR(MP_QSTR_isconnected), MP_ROM_PTR(&bridge_isconnected_obj) },
    { MP_ROM_QSTR(MP_QSTR_ifconfig), MP_ROM_PTR(&bridge_ifconfig_obj) },
    { MP_ROM_QSTR(MP_QSTR_ipconfig), MP_ROM_PTR(&bridge_ipconfig_obj) },
    { MP_ROM_QSTR(MP_QSTR_config), MP_ROM_PTR(&bridge_config_obj) },
    { MP_ROM_QSTR(MP_QSTR_dropped), MP_ROM_PTR(&bridge_dropped_obj) },
    { MP_ROM_QSTR(MP_QSTR_frame_out), MP_ROM_PTR(&bridge_frame_out_obj) },
    { MP_ROM_QSTR(MP_QSTR_frame_in), MP_ROM_PTR(&bridge_frame_in_obj) },
    { MP_ROM_QSTR(MP_QSTR_frames_out), MP_ROM_PTR(&bridge_frames_out_obj) },
    { MP_ROM_QSTR(MP_QSTR_frames_in), MP_ROM_PTR(&bridge_frames_in_obj) },
    { MP_ROM_QSTR(MP_QSTR_waiting), MP_ROM_PTR(&bridge_waiting_obj) },
};
static MP_DEFINE_CONST_DICT(bridge_locals_dict, bridge_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    network_bridge_type,
    MP_QSTR_Bridge,
    MP_TYPE_FLAG_NONE,
    make_new, bridge_make_new,
    print, bridge_print,
    locals_dict, &bridge_locals_dict
    );

// What the module `from` has by the name `attr`.
static mp_obj_t frozen(qstr from, qstr attr) {
    mp_obj_t module = mp_import_name(from, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
    return mp_load_attr(module, attr);
}

// LAN(transport=None): what module _lan has by that name.
static mp_obj_t network_lan(size_t n_args, const mp_obj_t *args) {
    return mp_call_function_n_kw(frozen(MP_QSTR__lan, MP_QSTR_LAN), n_args, 0, args);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(network_lan_obj, 0, 1, network_lan);

// WLAN is a class: programs use its attributes, too.
void network_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    (void)self_in;
    if (attr == MP_QSTR_WLAN && dest[0] == MP_OBJ_NULL) {
        dest[0] = frozen(MP_QSTR__wlan, MP_QSTR_WLAN);
    }
}
MP_REGISTER_MODULE_DELEGATION(mp_module_network, network_attr);

void bridge_init_all(void) {
    memset(bridges, 0, sizeof(bridges));
}

void bridge_follow_hostname(void) {
    for (size_t i = 0; i < NETWORK_BRIDGES; ++i) {
        if (bridges[i] != MP_OBJ_NULL) {
            interface_follow_hostname(&interfaces[i]);
        }
    }
}

void bridge_flush_all(void) {
    transmit_all(&node);
}

bool bridge_some_waiting(void) {
    bool waiting = false;
    for (size_t i = 0; i < NETWORK_BRIDGES; ++i) {
        waiting |= bridges[i] != MP_OBJ_NULL && interface_waiting(&interfaces[i]) > 0;
    }
    return waiting;
}

void bridge_deinit_all(void) {
    for (size_t i = 0; i < NETWORK_BRIDGES; ++i) {
        if (bridges[i] != MP_OBJ_NULL) {
            interface_remove(&interfaces[i]);
            bridges[i] = MP_OBJ_NULL;
        }
    }
}

MP_REGISTER_ROOT_POINTER(mp_obj_t network_bridges[4]);
_Static_assert(MP_ARRAY_SIZE(bridges) == NETWORK_BRIDGES, "each has its place");
