// MicroPython's allocation of memory: gc_alloc(), gc_realloc() and gc_free(), for which the linker
// takes the port's own. They work on the tables of its collector, which is left as it is.

// Has the next searches start where the heap does: after a collection, and when the heap has grown.
void allocator_begin_anew(void);
