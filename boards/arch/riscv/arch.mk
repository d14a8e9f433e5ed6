SRC_C += \
	arch/riscv/trap.c \
	arch/riscv/stack_guard.c \
	arch/riscv/clint.c \
	arch/riscv/plic.c \
	port/uart_16550.c \
	port/rtc_goldfish.c \
	port/power_finisher.c \
	shared/runtime/gchelper_native.c \

SRC_S += \
	arch/riscv/start.S \
	arch/riscv/trap_entry.S \

# For what relies on a word being anywhere in RAM.
ARCH_ANY_ALIGNMENT = -mno-strict-align -mtune=size
