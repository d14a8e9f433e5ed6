// Runs the handlers of the interrupts that are pending; what the CPU's interrupt vector calls.
void gic_handle_interrupts(void);
