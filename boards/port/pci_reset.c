// SPDX-License-Identifier: MIT

// What is on PCI is as a program in Python left it. Bus numbers and addresses are checked before they
// are followed: nobody has said that they make sense.

#include <string.h>

#include "py/mphal.h"
#include "device_tree.h"
#include "hardware.h"
#include "pci_reset.h"

// Of the configuration of a function: offsets in bytes, and bits.
enum {
    VENDOR = 0x00,
    DEVICE = 0x02,
    COMMAND = 0x04,
    STATUS = 0x06,
    HEADER_TYPE = 0x0e,
    BAR_0 = 0x10,
    SECONDARY_BUS = 0x19,
    CAPABILITIES = 0x34,
    CONFIG_SIZE = 0x100,
};

#define NOBODY                  0xffff
#define COMMAND_DECODE          0x3 // answers to addresses of I/O and memory
#define COMMAND_MEMORY          0x2
#define COMMAND_BUS_MASTER      0x4
#define STATUS_CAPABILITIES     0x10
#define HEADER_MANY_FUNCTIONS   0x80
#define HEADER_BRIDGE           1
#define BARS                    6
#define BAR_IO                  0x1
#define BAR_KIND                0xf
#define BAR_64                  0x4
#define CAPABILITY_VENDOR       9

// Of the VirtIO specification, section 4.1: the capability that tells of the common configuration,
// offsets in it, and in what it tells of.
#define VIRTIO_VENDOR           0x1af4
#define VIRTIO_DEVICE_FIRST     0x1000
#define VIRTIO_DEVICE_LAST      0x107f
#define CFG_TYPE_COMMON         1
enum {
    CAP_CFG_TYPE = 3,
    CAP_BAR = 4,
    CAP_OFFSET = 8,
    CAP_LENGTH = 12,
    CAP_SIZE = 16,

    DEVICE_STATUS = 0x14,
};

// A device that takes longer than this many looks is broken.
#define MAX_LOOKS 1000000

#define BUS_SHIFT       20
#define DEVICE_SHIFT    15
#define FUNCTION_SHIFT  12
#define MAX_BUSES       256

// What the device tree says of the addresses of PCI: a kind, the address on PCI, that of the CPU, and
// a size.
#define RANGE_CELLS     7
#define RANGE_IS_MEMORY 0x02000000

typedef struct {
    uintptr_t config;
    unsigned int buses;
    const uint32_t *ranges;
    size_t range_count;
    bool is_there[MAX_BUSES];
} host_t;

static uint8_t read8(uintptr_t address) {
    return *(volatile uint8_t *)address;
}

static void write8(uintptr_t address, uint8_t value) {
    *(volatile uint8_t *)address = value;
}

static uint16_t read16(uintptr_t address) {
    return *(volatile uint16_t *)address;
}

static void write16(uintptr_t address, uint16_t value) {
    *(volatile uint16_t *)address = value;
}

static uint32_t read32(uintptr_t address) {
    return *(volatile uint32_t *)address;
}

static void write32(uintptr_t address, uint32_t value) {
    *(volatile uint32_t *)address = value;
}

static bool map(uint64_t address, uint64_t size, uintptr_t *where) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    int error = device_memory_map(address, size, where);
    MICROPY_END_ATOMIC_SECTION(state);
    return error == 0;
}

// Returns whether the machine has PCI.
static bool find_host(host_t *host) {
    device_tree_node_t node = device_tree_find("pci-host-ecam-generic");
    if (node == 0) {
        return false;
    }
    size_t reg_length = 0, ranges_length = 0;
    const uint32_t *reg = device_tree_value(node, "reg", &reg_length);
    host->ranges = device_tree_value(node, "ranges", &ranges_length);
    host->range_count = ranges_length / (4 * RANGE_CELLS);
    if (reg_length != 16) {
        return false;
    }
    uint64_t size = device_tree_number(reg + 2, 2);
    host->buses = MIN(size >> BUS_SHIFT, MAX_BUSES);
    return map(device_tree_number(reg, 2), size, &host->config);
}

// Calls `visit` for each function of `bus`.
static void walk(host_t *host, unsigned int bus, void (*visit)(host_t *host, uintptr_t function)) {
    uintptr_t device = host->config + ((uintptr_t)bus << BUS_SHIFT);
    uintptr_t end = device + (1 << BUS_SHIFT);
    for (; device < end; device += 1 << DEVICE_SHIFT) {
        if (read16(device + VENDOR) == NOBODY) {
            continue;
        }
        int functions = read8(device + HEADER_TYPE) & HEADER_MANY_FUNCTIONS ? 8 : 1;
        for (int i = 0; i < functions; ++i) {
            uintptr_t function = device + (i << FUNCTION_SHIFT);
            if (read16(function + VENDOR) != NOBODY) {
                visit(host, function);
            }
        }
    }
}

static bool is_bridge(uintptr_t function) {
    return (read8(function + HEADER_TYPE) & ~HEADER_MANY_FUNCTIONS) == HEADER_BRIDGE;
}

// What is behind a bridge has a higher number, if it has any.
static void note_bus_behind(host_t *host, uintptr_t function) {
    unsigned int bus = (function - host->config) >> BUS_SHIFT;
    if (is_bridge(function) && read8(function + SECONDARY_BUS) > bus) {
        host->is_there[read8(function + SECONDARY_BUS)] = true;
    }
}

// Where the CPU reaches what has this address on PCI; 0 where nothing can be.
static uintptr_t find_memory(const host_t *host, uint64_t address, uint64_t size) {
    for (size_t i = 0; i < host->range_count; ++i) {
        const uint32_t *range = host->ranges + i * RANGE_CELLS;
        uint64_t offset = address - device_tree_number(range + 1, 2);
        uint64_t range_size = device_tree_number(range + 5, 2);
        uintptr_t where;
        if (device_tree_number(range, 1) & RANGE_IS_MEMORY && offset < range_size
            && size <= range_size - offset
            && map(device_tree_number(range + 3, 2) + offset, size, &where)) {
            return where;
        }
    }
    return 0;
}

// What the bits of an address register are that can be changed, which says how large the memory is.
static uint32_t changeable(uintptr_t bar) {
    uint32_t value = read32(bar);
    write32(bar, UINT32_MAX);
    uint32_t result = read32(bar);
    write32(bar, value);
    return result;
}

// Where the CPU reaches what a capability tells of; 0 if it can not.
static uintptr_t find_structure(const host_t *host, uintptr_t function, uintptr_t capability) {
    unsigned int number = read8(capability + CAP_BAR);
    uintptr_t bar = function + BAR_0 + 4 * number;
    if (number >= BARS || read32(bar) & BAR_IO) {
        return 0;
    }
    bool is_64 = read32(bar) & BAR_64;
    if (is_64 && number == BARS - 1) {
        return 0;
    }
    uint64_t address = read32(bar) & ~BAR_KIND;
    uint16_t command = read16(function + COMMAND);
    write16(function + COMMAND, command & ~COMMAND_DECODE);
    uint64_t bits = changeable(bar) & ~BAR_KIND;
    if (is_64) {
        address |= (uint64_t)read32(bar + 4) << 32;
        bits |= (uint64_t)changeable(bar + 4) << 32;
    } else {
        bits |= (uint64_t)UINT32_MAX << 32;
    }
    write16(function + COMMAND, command);
    uint64_t size = -bits;
    uint32_t offset = read32(capability + CAP_OFFSET), length = read32(capability + CAP_LENGTH);
    if (length <= DEVICE_STATUS || offset >= size || length > size - offset) {
        return 0;
    }
    return find_memory(host, address + offset, DEVICE_STATUS + 1);
}

// Where the common configuration of a VirtIO device is; 0 if nowhere.
static uintptr_t find_common(const host_t *host, uintptr_t function) {
    if (!(read16(function + STATUS) & STATUS_CAPABILITIES)) {
        return 0;
    }
    unsigned int offset = read8(function + CAPABILITIES) & ~3;
    // No more of them have room.
    for (int left = CONFIG_SIZE / 4; left > 0 && offset != 0; --left) {
        uintptr_t capability = function + offset;
        if (read8(capability) == CAPABILITY_VENDOR && offset <= CONFIG_SIZE - CAP_SIZE
            && read8(capability + CAP_CFG_TYPE) == CFG_TYPE_COMMON) {
            return find_structure(host, function, capability);
        }
        offset = read8(capability + 1) & ~3;
    }
    return 0;
}

static void reset(uintptr_t common) {
    write8(common + DEVICE_STATUS, 0);
    // All ones: there is no such device any more.
    for (int looks = 0; looks < MAX_LOOKS; ++looks) {
        uint8_t status = read8(common + DEVICE_STATUS);
        if (status == 0 || status == UINT8_MAX) {
            return;
        }
    }
}

static bool is_virtio(uintptr_t function) {
    uint16_t device = read16(function + DEVICE);
    return read16(function + VENDOR) == VIRTIO_VENDOR && device >= VIRTIO_DEVICE_FIRST
           && device <= VIRTIO_DEVICE_LAST && !is_bridge(function);
}

static void stop(host_t *host, uintptr_t function) {
    uint16_t command = read16(function + COMMAND);
    if (command & COMMAND_MEMORY && is_virtio(function)) {
        uintptr_t common = find_common(host, function);
        if (common != 0) {
            reset(common);
        }
    }
    if (command & COMMAND_BUS_MASTER) {
        write16(function + COMMAND, command & ~COMMAND_BUS_MASTER);
    }
}

void pci_reset_all(void) {
    host_t host;
    memset(&host, 0, sizeof(host));
    if (!find_host(&host)) {
        return;
    }
    host.is_there[0] = true;
    for (unsigned int bus = 0; bus < host.buses; ++bus) {
        if (host.is_there[bus]) {
            walk(&host, bus, note_bus_behind);
        }
    }
    // A bridge comes after all that is behind it.
    for (unsigned int bus = host.buses; bus-- > 0;) {
        if (host.is_there[bus]) {
            walk(&host, bus, stop);
        }
    }
}
