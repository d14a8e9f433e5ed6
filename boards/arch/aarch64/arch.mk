SRC_C += \
	arch/aarch64/trap.c \
	port/clock_generic_timer.c \
	port/gic.c \
	port/mmu.c \
	port/uart_pl011.c \
	port/rtc_pl031.c \
	port/power_psci.c \
	shared/runtime/gchelper_generic.c \

SRC_S += \
	arch/aarch64/start.S \
	arch/aarch64/trap_entry.S \
	arch/aarch64/calls.S \
