SRC_C += \
	arch/riscv/trap.c \
	arch/riscv/clint.c \
	arch/riscv/plic.c \
	port/uart_16550.c \
	port/rtc_goldfish.c \
	port/power_finisher.c \

SRC_S += \
	arch/riscv/start.S \
	arch/riscv/trap_entry.S \
