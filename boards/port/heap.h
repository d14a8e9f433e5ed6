// MicroPython's heap: a first area of a fixed size, and more of the machine's RAM as it is needed.

// Makes the heap anew, with the first area only.
void heap_init(void);

// Gives an area back that the garbage collector has taken for empty.
void heap_free_area(void *area);

// Collects garbage, whatever goes on; finaliser.c decides when that may be.
void heap_collect(void);
