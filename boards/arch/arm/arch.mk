SRC_C += \
	arch/arm/trap.c \
	port/clock_generic_timer.c \
	port/gic.c \
	port/mmu.c \
	port/uart_pl011.c \
	port/rtc_pl031.c \
	port/power_psci.c \
	shared/runtime/gchelper_native.c \

SRC_S += \
	arch/arm/start.S \
	arch/arm/trap_entry.S \
	arch/arm/calls.S \
