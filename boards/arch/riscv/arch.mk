# SPDX-License-Identifier: MIT

SRC_C += \
	arch/riscv/device_memory.c \
	arch/riscv/trap.c \
	arch/riscv/stack_guard.c \
	arch/riscv/clint.c \
	arch/riscv/interrupts.c \
	arch/riscv/plic.c \
	arch/riscv/aplic.c \
	arch/riscv/imsic.c \
	shared/runtime/gchelper_native.c \

SRC_S += \
	arch/riscv/start.S \
	arch/riscv/trap_entry.S \

# For what relies on a word being anywhere in RAM.
ARCH_ANY_ALIGNMENT = -mno-strict-align -mtune=size

# For ciphers and hashes.
ARCH_CIPHERS = -O3
