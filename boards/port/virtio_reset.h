// SPDX-License-Identifier: MIT

#ifndef MICROPY_INCLUDED_BOARDS_PORT_VIRTIO_RESET_H
#define MICROPY_INCLUDED_BOARDS_PORT_VIRTIO_RESET_H

// Resets every VirtIO device of the board. A device that runs writes into the memory that its
// driver gave it, so this comes before that memory is given to somebody else.
void virtio_reset_all(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_VIRTIO_RESET_H
