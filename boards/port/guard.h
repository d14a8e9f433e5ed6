// SPDX-License-Identifier: MIT

// Who may interrupt whom. One rule: while a file system is in a block device's call, or a driver
// changes a ring, no callback of the program's runs, no finaliser, and no Ctrl-C is raised. All of
// them come right after.
//
// There are two kinds of such sections, both nested as one likes, and both lock the scheduler:
//
// - guarded: code of whoever made the block device, or the driver, runs. A second Ctrl-C is raised
//   in it, so that nothing lasts for ever.
// - held: a driver of ours makes a change. Nothing is raised at all; a wait in it is virt.wait(),
//   which says how many Ctrl-C there were.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_GUARD_H
#define MICROPY_INCLUDED_BOARDS_PORT_GUARD_H

#include <stdbool.h>

typedef struct {
    unsigned int guards;
    unsigned int holds;
} guard_depth_t;

void guard_enter(void);
void guard_leave(void);
void guard_hold(void);
void guard_release(void);

// Whether code runs in a section of either kind.
bool guard_is_held(void);

// How many Ctrl-C wait to be raised: 0, 1, or 2 if the second one came when the first had waited
// for a while. Programs such as mpremote send two at once, which are one.
unsigned int guard_interrupts(void);

// Whether Ctrl-C is raised, outside of all sections, and the program has not got it although a
// second one came a while later: it runs code that does not look.
bool guard_insists(void);

// For code that catches exceptions: how deep it is, and back to there.
guard_depth_t guard_depth(void);
void guard_return_to(guard_depth_t depth);

// Where no program is that could get it: forgets Ctrl-C. Returns whether there was one.
bool guard_forget_interrupts(void);

// Has the code around get the Ctrl-C that ended a piece of code.
void guard_interrupt_again(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_GUARD_H
