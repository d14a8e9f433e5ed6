"""The command `mpy-virtio`: MicroPython boards in QEMU."""


def main(arguments=None):
    """Do what the command line says, and return the exit status."""
    try:
        # Ctrl-C may come during the imports, too, which take a while; in the middle of one it may
        # get lost.
        from virtboard.leftovers import uninterrupted

        with uninterrupted():
            from virtboard.cli import line

        return line.main(arguments)
    except KeyboardInterrupt:
        return 130
