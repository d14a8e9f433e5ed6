// SPDX-License-Identifier: MIT

#ifndef MICROPY_INCLUDED_BOARDS_PORT_PCI_RESET_H
#define MICROPY_INCLUDED_BOARDS_PORT_PCI_RESET_H

// Has no PCI device reach memory any more, and resets those that are VirtIO devices and answer: as
// virtio_reset_all(), for devices behind PCI's bridges, too.
void pci_reset_all(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_PCI_RESET_H
