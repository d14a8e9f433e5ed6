# SPDX-License-Identifier: MIT

SRC_C += \
	arch/arm/device_memory.c \
	arch/arm/trap.c \
	port/clock_generic_timer.c \
	port/gic.c \
	port/mmu.c \
	port/power_psci.c \
	port/semihosting.c \
	shared/runtime/gchelper_native.c \

SRC_S += \
	arch/arm/start.S \
	arch/arm/trap_entry.S \
	arch/arm/calls.S

# For ciphers and hashes: a Thumb instruction can do less with a shifted operand.
ARCH_CIPHERS = -marm
