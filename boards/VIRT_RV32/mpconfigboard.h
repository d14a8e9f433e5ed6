// SPDX-License-Identifier: MIT

// The `virt` machine of qemu-system-riscv32: where its devices are, and what its CPU can do.
// The linker script includes this file too, so it is macros only.

#define MICROPY_HW_BOARD_NAME           "QEMU virt"
#define MICROPY_HW_MCU_NAME             "rv32imac"

#define MICROPY_EMIT_RV32               (1)
#define MICROPY_EMIT_INLINE_RV32        (1)
#define MICROPY_FLOAT_IMPL              (MICROPY_FLOAT_IMPL_FLOAT)

// The RAM that the firmware uses to begin with: a script, and what the heap grows into, are behind.
#define MICROPY_HW_RAM_BASE             0x80000000
#define MICROPY_HW_RAM_SIZE             0x900000
#define MICROPY_HW_HEAP_SIZE            0x400000
#define MICROPY_HW_STACK_SIZE           0x40000
#define MICROPY_HW_TRAP_STACK_SIZE      0x10000

#define MICROPY_HW_UART_16550_BASE      0x10000000
#define MICROPY_HW_UART_IRQ             10
#define MICROPY_HW_RTC_GOLDFISH_BASE    0x101000
#define MICROPY_HW_FW_CFG_BASE          0x10100000

// QEMU's test finisher.
#define MICROPY_HW_POWER_OFF_ADDRESS    0x100000
#define MICROPY_HW_POWER_OFF_VALUE(status) ((status) == 0 ? 0x5555 : (status) << 16 | 0x3333)
#define MICROPY_HW_RESET_ADDRESS        0x100000
#define MICROPY_HW_RESET_VALUE          0x7777

#define MICROPY_HW_CLINT_BASE           0x2000000
#define MICROPY_HW_CLOCK_HZ             10000000
#define MICROPY_HW_PLIC_BASE            0xc000000
#define MICROPY_HW_APLIC_BASE           0xc000000
#define MICROPY_HW_IMSIC_BASE           0x24000000
#define MICROPY_HW_IRQ_COUNT            96

#define MICROPY_HW_VIRTIO_BASE          0x10001000
#define MICROPY_HW_VIRTIO_STRIDE        0x1000
#define MICROPY_HW_VIRTIO_COUNT         8
#define MICROPY_HW_VIRTIO_IRQ           1
