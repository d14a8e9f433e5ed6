"""`mpy-virtio test`: tests that run on a board."""


def add_to(commands, defaults):
    """Add this command to the command line."""
