// SPDX-License-Identifier: MIT

// Objects that the collector does not look into for references to others: memory for devices, in
// which are bytes of theirs, whatever they look like.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_OPAQUE_H
#define MICROPY_INCLUDED_BOARDS_PORT_OPAQUE_H

// For the flags of gc_alloc(). It makes a difference from the second block on.
#define OPAQUE 2

// While the collector marks what is in use, they are hidden.
void opaque_hide(void);
void opaque_show(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_OPAQUE_H
