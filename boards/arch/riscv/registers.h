// SPDX-License-Identifier: MIT

// Loads and stores of a whole register, whatever its size; FLOAT_SIZE is 0 without an FPU.

#ifndef MICROPY_INCLUDED_BOARDS_ARCH_RISCV_REGISTERS_H
#define MICROPY_INCLUDED_BOARDS_ARCH_RISCV_REGISTERS_H

#if __riscv_xlen == 64
#define REGISTER_SIZE 8
#define LOAD ld
#define STORE sd
#else
#define REGISTER_SIZE 4
#define LOAD lw
#define STORE sw
#endif

#ifndef __riscv_flen
#define FLOAT_SIZE 0
#elif __riscv_flen == 64
#define FLOAT_SIZE 8
#define LOAD_FLOAT fld
#define STORE_FLOAT fsd
#else
#define FLOAT_SIZE 4
#define LOAD_FLOAT flw
#define STORE_FLOAT fsw
#endif

#endif // MICROPY_INCLUDED_BOARDS_ARCH_RISCV_REGISTERS_H
