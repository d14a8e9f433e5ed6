// virt.irq(): interrupts of devices, handled in Python.

// Before the heap goes, where the handlers are: disables all interrupts that have one. What is
// scheduled outlives a soft reset, and finds nothing to call then.
void virt_irq_deinit(void);
