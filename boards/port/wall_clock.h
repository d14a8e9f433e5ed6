// The time of day: the machine's RTC chip, and what machine.RTC was set to.

#include <stdint.h>

// Nanoseconds since 1970.
uint64_t wall_clock_ns(void);
