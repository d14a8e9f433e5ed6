"""A slot behind a port, where a device is plugged in or taken out (PCI Express, 6.7 and 7.5.3)."""

from micropython import const

PCI_EXPRESS = const(0x10)
# Offsets in the capability, and bits.
_EXPRESS_CAPABILITIES = const(0x02)
_HAS_SLOT = const(0x100)
_SLOT_CONTROL = const(0x18)
_POWER_OFF = const(0x400)
_INDICATOR = const(0x300)
_INDICATOR_ON = const(0x100)
_INDICATOR_OFF = const(0x300)
_SLOT_STATUS = const(0x1A)
_BUTTON = const(0x01)
_PRESENT = const(0x40)


def attend(port):
    """Turn on the power of what was plugged in, and off that of what is to be taken out.

    `port` is a bridge. Who wants to take something out pushes the button of its slot, as QEMU's
    `device_del` does. Returns whether something was turned on.
    """
    for number, offset in port.capabilities():
        if number == PCI_EXPRESS and port.read(offset + _EXPRESS_CAPABILITIES, 2) & _HAS_SLOT:
            control = port.read(offset + _SLOT_CONTROL, 2)
            status = port.read(offset + _SLOT_STATUS, 2)
            # What is written 1 there is over.
            port.write(offset + _SLOT_STATUS, 2, status & _BUTTON)
            if not status & _PRESENT:
                return False
            if control & _POWER_OFF:
                control = control & ~(_POWER_OFF | _INDICATOR) | _INDICATOR_ON
                port.write(offset + _SLOT_CONTROL, 2, control)
                return True
            if status & _BUTTON:
                port.write(offset + _SLOT_CONTROL, 2, control | _POWER_OFF | _INDICATOR_OFF)
            return False
    return False
