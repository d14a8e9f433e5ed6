// What the alarm of the clock is for: ending a sleep, and machine.Timer.

#include <stdint.h>

// At the start of the machine.
void timers_start(void);

// Before the heap goes, where the timers are. What is scheduled outlives a soft reset, and finds
// no timer then.
void timers_deinit(void);

// Ends a sleep when the clock reaches `ticks`. The last call counts; interrupts are masked.
void timers_wake_at(uint64_t ticks);
