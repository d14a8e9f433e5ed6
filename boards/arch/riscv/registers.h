/* Loads and stores of a whole register, whatever its size. */

#if __riscv_xlen == 64
#define REGISTER_SIZE 8
#define LOAD ld
#define STORE sd
#else
#define REGISTER_SIZE 4
#define LOAD lw
#define STORE sw
#endif
