#include <stdint.h>

// What trap_entry.S saves of the code that it interrupts: x[0] is the program counter, x[n]
// register xn.
typedef struct {
    uintptr_t x[32];
} trap_frame_t;

// The two kinds of interrupt, in clint.c and plic.c.
void clint_handle_timer(void);
void plic_handle_external(void);

// Makes the memory under the main stack inaccessible, so that an overflow is noticed.
void stack_guard_init(void);
