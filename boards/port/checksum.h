// SPDX-License-Identifier: MIT

// Checksums that a network device completes, or has checked. What the driver is to know of a frame
// is in a header in front of it, of which these are the fields that are used:
//
//   offset 0, 1 byte    flags: CHECKSUM_INCOMPLETE, CHECKSUM_CHECKED
//   offset 6, 2 bytes   where in the frame the sum begins that the device is to complete
//   offset 8, 2 bytes   how far behind that it is to be put

#ifndef MICROPY_INCLUDED_BOARDS_PORT_CHECKSUM_H
#define MICROPY_INCLUDED_BOARDS_PORT_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>

#define CHECKSUM_HEADER_SIZE 10

enum {
    CHECKSUM_INCOMPLETE = 1,
    CHECKSUM_CHECKED = 2,
};

// Writes the header of an Ethernet frame in which lwIP has left out the checksum if it is TCP.
void checksum_request(void *header, void *frame, size_t length);

// Whether the checksum in a frame that was received need not be looked at.
bool checksum_is_right(const void *header);

#endif // MICROPY_INCLUDED_BOARDS_PORT_CHECKSUM_H
