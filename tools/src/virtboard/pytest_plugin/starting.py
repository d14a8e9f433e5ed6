"""Starts the boards of tests, and ends them."""

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from virtboard import boards, elf, emulators, images, places, qemu
from virtboard.board import TIMEOUT, BoardEnded, BoardError
from virtboard.leftovers import OURS, uninterrupted
from virtboard.pytest_plugin.board import TestBoard
from virtboard.pytest_plugin.net import Cable, Net, NoNet
from virtboard.switch import Switch
from virtboard.vhost_user import Server, arguments, shared_memory

DEFAULT_MEMORY = "128M"


class Bench:
    """Where the boards of all tests are. `boards` are those of the test that runs."""

    def __init__(self):
        self.boards = []

    def recover(self):
        """Let go of the boards that are off, and have the others at their prompts."""
        self.boards = [board for board in self.boards if board.is_running()]
        for board in self.boards:
            board.recover()

    @contextmanager
    def board(self, choice, name, network=None):
        """A board that is at its prompt, and ends with the `with` block.

        `network` is a qemu.Network in place of the choice's. Where there cannot be such a board,
        the test fails with the reason.
        """
        with ExitStack() as stack:
            with failing_with_a_sentence():
                board, devices = self._start(stack, choice, name, network)
                # What the test asks of it begins afterwards.
                board.timeout = max(choice.timeout, TIMEOUT)
                board.devices = devices
                board.net = Net(board) if choice.net == "user" and not network else NoNet()
                board.exec("pass")
                for source, target in choice.files.items():
                    board.put(choice.find(source), target)
                board.timeout = choice.timeout
                board.printed_since_report()  # of booting there is nothing to report
            yield board

    @contextmanager
    def cable(self):
        """A function that starts a board as `board` does, on one cable with all others of it."""
        with ExitStack() as stack:
            switch = stack.enter_context(Switch())
            started = []

            def start(choice, name):
                board = stack.enter_context(self.board(choice, name, switch.network()))
                started.append(board)
                board.label = f"board {len(started)}"
                board.net = Cable(board, len(started))
                board.net.take_address()
                return board

            yield start

    def _start(self, stack, choice, name, network):
        facts = boards.load(name)
        qemu.check_memory(choice.memory, facts)
        emulators.check(facts)
        own = choice.firmware and choice.find(choice.firmware)
        firmware = elf.check(own or places.firmware(name), facts)
        devices, extra = self._serve(stack, choice)
        options = {
            "drives": self._drives(stack, choice),
            "devices": [qemu.ENTROPY],
            "memory": None if devices else choice.memory,
            "network": network or network_of(choice.net),
            "bus": choice.bus,
            "ring": choice.ring,
            "qemu": choice.qemu,
            "extra": [*extra, *choice.qemu_args],
        }
        board = stack.enter_context(TestBoard(firmware, name, **options))
        stack.callback(self._end, board)
        self.boards.append(board)
        return board, devices

    def _end(self, board):
        """End a board, and keep what it has said until then."""
        try:
            board.take()
        except BoardError:
            pass  # it has ended by itself
        board.kill()

    def _drives(self, stack, choice):
        if choice.disk in (None, False, "none"):
            return []
        if choice.disk == "blank":
            return [images.drive(stack.enter_context(images.blank()))]
        return [images.drive(choice.find(choice.disk), **images.SNAPSHOT)]

    def _serve(self, stack, choice):
        """The Python devices of a board, at work, and QEMU's arguments for them."""
        if not choice.devices:
            return [], []
        with uninterrupted():
            folder = Path(tempfile.mkdtemp(prefix="board-"))
            OURS.add_path(folder)
        stack.callback(OURS.remove_path, folder)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        devices = [make() if callable(make) else make for make in choice.devices]
        extra = shared_memory(choice.memory or DEFAULT_MEMORY)
        for number, device in enumerate(devices):
            path = folder / f"{number}.sock"
            stack.enter_context(Server(device, path))
            extra += arguments(device, path)
        return devices, extra


@contextmanager
def failing_with_a_sentence():
    """Makes of what is wrong with a board, or this machine, the test's failure."""
    try:
        yield
    except BoardEnded as error:
        fail(f"{str(error).partition(';')[0]}, and says why on stderr")
    except (SystemExit, ValueError, OSError, BoardError) as error:
        fail(str(error))


def fail(reason):
    raise pytest.fail.Exception(reason, pytrace=False) from None


def network_of(net):
    """The qemu.Network that `net` means: "user", "none", or what the command takes."""
    if isinstance(net, qemu.Network):
        return net
    return qemu.Network.parse(net or "none")
