// virt.irq(): interrupts of devices, handled in Python.

// At each start of MicroPython, after mp_init().
void virt_irq_init(void);

// Before the heap goes, where the handlers are: disables all interrupts that have one.
void virt_irq_deinit(void);
