// virt.irq(): interrupts of devices, handled in Python.

// Where callbacks have to wait: serves the interrupts of drivers. What else there is to call is
// called when callbacks run again.
void virt_irq_serve(void);

// Does for an interrupt what would be done if it came.
void virt_irq_call(unsigned int number);

// Before the heap goes, where the handlers are: disables all interrupts that have one. What is
// scheduled outlives a soft reset, and finds nothing to call then.
void virt_irq_deinit(void);
