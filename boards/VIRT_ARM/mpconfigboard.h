// SPDX-License-Identifier: MIT

// The `virt` machine of qemu-system-arm: where its devices are, and what its CPU can do. The
// linker script includes this file too, so it is macros only.

#define MICROPY_HW_BOARD_NAME           "QEMU virt"
#define MICROPY_HW_MCU_NAME             "cortex-a15"

#define MICROPY_EMIT_THUMB              (1)
#define MICROPY_EMIT_INLINE_THUMB       (1)
#define MICROPY_MAKE_POINTER_CALLABLE(p) ((void *)((uintptr_t)(p) | 1))
#define MICROPY_FLOAT_IMPL              (MICROPY_FLOAT_IMPL_FLOAT)

// The device tree is at the start of RAM, and the firmware behind the MiB that QEMU has for that.
#define MICROPY_HW_DEVICE_TREE          0x40000000

// The RAM that the firmware uses to begin with: a script, and what the heap grows into, are behind.
#define MICROPY_HW_RAM_BASE             0x40100000
#define MICROPY_HW_RAM_SIZE             0x900000
#define MICROPY_HW_HEAP_SIZE            0x400000
#define MICROPY_HW_STACK_SIZE           0x40000
#define MICROPY_HW_TRAP_STACK_SIZE      0x10000

// All that is not RAM, but for the flash memory.
#define MICROPY_HW_DEVICES_BASE         0x8000000
#define MICROPY_HW_DEVICES_END          0x40000000
// Where among them device memory beyond 32 bits appears: the first 256 MiB of what the machine has for
// PCI stay, and the end, where other devices are.
#define MICROPY_HW_WINDOW_BASE          0x20000000
#define MICROPY_HW_WINDOW_END           0x3e000000

#define MICROPY_HW_UART_PL011_BASE      0x9000000
#define MICROPY_HW_UART_IRQ             33
#define MICROPY_HW_RTC_PL031_BASE       0x9010000
#define MICROPY_HW_FW_CFG_BASE          0x9020000

#define MICROPY_HW_CLOCK_HZ             cpu_clock_hz()
#define MICROPY_HW_CLOCK_IRQ            27
#define MICROPY_HW_GIC_DISTRIBUTOR      0x8000000
#define MICROPY_HW_GIC_CPU_INTERFACE    0x8010000
#define MICROPY_HW_GIC_REDISTRIBUTOR    0x80a0000
#define MICROPY_HW_IRQ_COUNT            288

#define MICROPY_HW_VIRTIO_BASE          0xa000000
#define MICROPY_HW_VIRTIO_STRIDE        0x200
#define MICROPY_HW_VIRTIO_COUNT         32
#define MICROPY_HW_VIRTIO_IRQ           48
