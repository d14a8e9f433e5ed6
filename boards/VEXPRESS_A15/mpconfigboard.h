// SPDX-License-Identifier: MIT

// The `vexpress-a15` machine of qemu-system-arm: where its devices are, and what its CPU can do. The
// linker script includes this file too, so it is macros only.

#define MICROPY_HW_BOARD_NAME           "QEMU vexpress-a15"
#define MICROPY_HW_MCU_NAME             "cortex-a15"

#define MICROPY_EMIT_THUMB              (1)
#define MICROPY_EMIT_INLINE_THUMB       (1)
#define MICROPY_MAKE_POINTER_CALLABLE(p) ((void *)((uintptr_t)(p) | 1))
#define MICROPY_FLOAT_IMPL              (MICROPY_FLOAT_IMPL_FLOAT)

// The RAM that the firmware uses to begin with: a script, and what the heap grows into, are behind.
#define MICROPY_HW_RAM_BASE             0x80000000
#define MICROPY_HW_RAM_SIZE             0x900000
#define MICROPY_HW_HEAP_SIZE            0x400000
#define MICROPY_HW_STACK_SIZE           0x40000
#define MICROPY_HW_TRAP_STACK_SIZE      0x10000
#define MICROPY_HW_RAM_END              0x88000000

// From the network card to the interrupt controller. Flash memory, SRAM and video memory are below.
#define MICROPY_HW_DEVICES_BASE         0x1a000000
#define MICROPY_HW_DEVICES_END          0x2c200000
// Where among them virt.map() has what is below them appear.
#define MICROPY_HW_WINDOW_BASE          0x20000000
#define MICROPY_HW_WINDOW_END           0x2c000000

#define MICROPY_HW_UART_PL011_BASE      0x1c090000
#define MICROPY_HW_UART_IRQ             37
#define MICROPY_HW_RTC_PL031_BASE       0x1c170000

// SYS_CFGCTRL of the motherboard: start, write, and the function, which is 8 or 9. It knows no status.
#define MICROPY_HW_POWER_OFF_ADDRESS    0x1c0100a4
#define MICROPY_HW_POWER_OFF_VALUE(status) 0xc0800000
#define MICROPY_HW_RESET_ADDRESS        0x1c0100a4
#define MICROPY_HW_RESET_VALUE          0xc0900000

#define MICROPY_HW_CLOCK_HZ             cpu_clock_hz()
#define MICROPY_HW_CLOCK_IRQ            27
#define MICROPY_HW_GIC_DISTRIBUTOR      0x2c001000
#define MICROPY_HW_GIC_CPU_INTERFACE    0x2c002000
#define MICROPY_HW_IRQ_COUNT            160

#define MICROPY_HW_VIRTIO_BASE          0x1c130000
#define MICROPY_HW_VIRTIO_STRIDE        0x200
#define MICROPY_HW_VIRTIO_COUNT         4
#define MICROPY_HW_VIRTIO_IRQ           72
