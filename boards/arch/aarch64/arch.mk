# SPDX-License-Identifier: MIT

SRC_C += \
	arch/aarch64/device_memory.c \
	arch/aarch64/trap.c \
	port/clock_generic_timer.c \
	port/gic.c \
	port/mmu.c \
	port/power_psci.c \
	port/semihosting.c \
	shared/runtime/gchelper_generic.c \

SRC_S += \
	arch/aarch64/start.S \
	arch/aarch64/trap_entry.S \
	arch/aarch64/calls.S \
