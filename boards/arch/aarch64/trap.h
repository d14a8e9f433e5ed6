/* What trap_entry.S and trap.c share. */

#define TRAP_SYNCHRONOUS        0
#define TRAP_IRQ                1
#define TRAP_FIQ                2
#define TRAP_SYSTEM_ERROR       3
