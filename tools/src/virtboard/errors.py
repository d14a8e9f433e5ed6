"""What goes wrong with a board."""


class BoardError(Exception):
    """The board did not do what was asked of it.

    `output` is what the code printed before that, `traceback` what the board said of an
    uncaught exception (empty when the trouble is another).
    """

    def __init__(self, message, output="", traceback=""):
        super().__init__(message)
        self.output = output
        self.traceback = traceback


class BoardTimeout(BoardError, TimeoutError):
    """What was waited for did not come in time."""


class BoardEnded(BoardError, EOFError):
    """QEMU ended while more was wanted of it."""


class BoardNotStarted(BoardEnded):
    """QEMU ended before the board said anything; why, it has said itself."""
