# SPDX-License-Identifier: MIT

ARCH = riscv
CROSS_COMPILE ?= riscv64-unknown-elf-

# In version 2.2 of the ISA the CSR instructions belong to "i".
ARCH_FLAGS = -misa-spec=2.2 -march=rv64imafdc -mabi=lp64d -mcmodel=medany

SRC_S += shared/runtime/gchelper_rv64i.s
