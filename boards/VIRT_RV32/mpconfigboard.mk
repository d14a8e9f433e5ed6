# SPDX-License-Identifier: MIT

ARCH = riscv
CROSS_COMPILE ?= riscv64-unknown-elf-

# In version 2.2 of the ISA the CSR instructions belong to "i". Naming them as "_zicsr" instead
# makes this compiler pick the 64-bit libraries.
ARCH_FLAGS = -misa-spec=2.2 -march=rv32imac -mabi=ilp32
MPY_CROSS_FLAGS += -march=rv32imc

SRC_S += shared/runtime/gchelper_rv32i.s
