"""Tests of the tests: the package with one line of it made wrong has to fail them."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = "host_tests/unit/"
TESTS_FAILED = 1
# Seconds.
TOO_LONG = 600

# What is wrong: the file, the line as it is, as it must not be, and the tests that have to notice.
# From a source of the hot path, all that is generated is made anew.
MUTANTS = {
    "available ring two bytes early": (
        "layouts.py",
        '"ring": (4 | ARRAY,',
        '"ring": (2 | ARRAY,',
        "test_layouts.py",
    ),
    "features taken that the driver cannot do": (
        "transport/base.py",
        "accepted = offered & supported",
        "accepted = offered",
        "test_handshake.py",
    ),
    "FEATURES_OK not read back": (
        "transport/base.py",
        "if not self.status & FEATURES_OK:",
        "if False:",
        "test_handshake.py",
    ),
    "VERSION_1 not insisted on": (
        "transport/base.py",
        "if not self.requires_legacy_layout and not offered & features.VERSION_1:",
        "if False:",
        "test_handshake.py",
    ),
    "reset not waited for": (
        "transport/base.py",
        "wait_until(lambda: self.status == 0, RESET_TIMEOUT_MS)",
        "pass",
        "test_handshake.py",
    ),
    "config one byte too long": (
        "transport/base.py",
        "offset + size > self.config_size:",
        "offset + size > self.config_size + 1:",
        "test_transport.py",
    ),
    "generation not compared": (
        "transport/base.py",
        "if self.read_config_generation() == before:",
        "if True:",
        "test_transport.py",
    ),
    "undefined interrupt bits acknowledged": (
        "transport/mmio.py",
        "self.regs.interrupt_status & _INTERRUPT_BITS",
        "self.regs.interrupt_status",
        "test_transport.py",
    ),
    "notified before DRIVER_OK": (
        "transport/base.py",
        "if not self.driver_ok:",
        "if False:",
        "test_transport.py",
    ),
    "a capability that points outside is taken": (
        "pci/function.py",
        "and start + size <= bar.size:",
        "and True:",
        "test_pci.py",
    ),
    "a vector that is refused is not noticed": (
        "transport/pci.py",
        "if self.regs.queue_msix_vector != vector:",
        "if False:",
        "test_pci.py",
    ),
    "nobody is told of what was taken out": (
        "pci/function.py",
        "            self.driver.lose()",
        "            pass",
        "test_pci.py",
    ),
    "legacy frame counted in sectors": (
        "transport/mmio.py",
        "desc // self._page_size)",
        "desc // 512)",
        "test_transport.py",
    ),
    "NEXT in the last descriptor": (
        "queue/table.py",
        "self._next if number < final else 0",
        "self._next",
        "test_queue.py",
    ),
    "buffers not kept": (
        "queue/table.py",
        "self.buffers[last] = buffer",
        "pass",
        "test_queue.py",
    ),
    "abandoned descriptors used again at once": (
        "queue/virtqueue.py",
        "state[_HEADS + (token << 3)] = _ABANDONED",
        "self.hot.recycle(state, token)",
        "test_queue_properties.py",
    ),
    "no barrier before publication": (
        "queue/source/split.py",
        "    available = Half(q[DRIVER_AREA])\n    fence()\n",
        "    available = Half(q[DRIVER_AREA])\n",
        "test_queue.py",
    ),
    "no barrier before publication, packed": (
        "queue/source/packed.py",
        "        fence()\n        with step:\n            first",
        "        with step:\n            first",
        "test_queue.py",
    ),
    "events compared without wrapping": (
        "queue/source/split.py",
        "int((new - event - 1) & 0xFFFF < (new - q[NOTIFIED]) & 0xFFFF)",
        "int(q[NOTIFIED] <= event < new)",
        "test_queue.py",
    ),
    "events compared as of one round, packed": (
        "queue/source/packed.py",
        "            former -= q[SIZE]\n",
        "            former -= 0\n",
        "test_queue.py",
    ),
    "a wrap counter that stays, packed": (
        "queue/source/packed.py",
        "behind = behind - q[SIZE] ^ (turned << 16 | WRAP)",
        "behind = behind - q[SIZE]",
        "test_ring_formats.py",
    ),
    "a wrap counter of the device's that stays, packed": (
        "queue/source/packed.py",
        "following = following - q[SIZE] ^ WRAP",
        "following = following - q[SIZE]",
        "test_ring_formats.py",
    ),
    "a chain shown before all of it is there, packed": (
        "queue/source/packed.py",
        "if q[EXPOSED] == cursor:",
        "if False:",
        "test_queue.py",
    ),
    "half a chain shown behind the others, packed": (
        "queue/source/packed.py",
        "if (q[NEXT_AVAIL] ^ q[NEXT_USED]) & 0xFFFF != WRAP:",
        "if False:",
        "test_every_jump.py",
    ),
    "descriptors not recycled": (
        "queue/source/queue.py",
        "    q[FREE] += item[COUNT]\n    item[KIND] = FREE_KIND\n",
        "    item[KIND] = FREE_KIND\n",
        "test_queue.py",
    ),
    "descriptors free again out of order": (
        "queue/source/queue.py",
        "    if q[IN_ORDER]:\n        item[KIND] = FINISHED\n        sweep(q)\n",
        "    if False:\n        sweep(q)\n",
        "test_ring_formats.py",
    ),
    "one answer that is one request's only, in order": (
        "queue/source/in_order.py",
        "    if head != q[NEXT_BACK]:\n",
        "    if False:\n",
        "test_ring_formats.py",
    ),
    "used index not bounded": (
        "queue/source/split.py",
        "if q[IN_FLIGHT] < ahead:",
        "if False:",
        "test_lying_device.py",
    ),
    "used index of a batch not bounded": (
        "queue/source/split.py",
        "if q[IN_FLIGHT] < ahead:",
        "if False:",
        "test_block.py",
    ),
    "used id not checked": (
        "queue/source/queue.py",
        " or not item[KIND] & WITH_DEVICE_MASK:",
        ":",
        "test_lying_device.py",
    ),
    "used id not bounded": (
        "queue/source/queue.py",
        "if uint(q[SIZE]) <= uint(head) or not",
        "if not",
        "test_lying_device.py",
    ),
    "used length not checked": (
        "queue/source/queue.py",
        "if uint(item[WRITABLE]) < uint(length):",
        "if False:",
        "test_lying_device.py",
    ),
    "used index of frames not bounded": (
        "queue/source/split.py",
        "if q[IN_FLIGHT] < ahead:",
        "if False:",
        "test_net.py::test_a_card_that_lies",
    ),
    "used id of a frame not checked": (
        "queue/source/posted.py",
        "skipped = int(find(word(f), head, done))",
        "skipped = 0",
        "test_net.py::test_a_card_that_lies",
    ),
    "used id of a frame looked for beyond what is in flight": (
        "queue/source/posted.py",
        "left = q[IN_FLIGHT] - done",
        "left = f[BUFFER_COUNT]",
        "test_net.py::test_a_card_that_lies",
    ),
    "used length of a frame not checked": (
        "queue/source/posted.py",
        "if uint(length) > limit:",
        "if False:",
        "test_net.py::test_a_length_beyond_the_buffer_breaks_the_queue",
    ),
    "a frame shorter than its header": (
        "queue/source/posted.py",
        "if uint(length) < least:",
        "if False:",
        "test_posted.py",
    ),
    "number of a frame's buffers not checked": (
        "device/source/net.py",
        "if not count or count > f[BUFFER_COUNT]:",
        "if False:",
        "test_net_merging.py::test_a_number_of_buffers_that_cannot_be_breaks_the_queue",
    ),
    "a buffer of a frame that never comes": (
        "device/source/net.py",
        "        if taken < missing:\n",
        "        if False:\n",
        "test_net_merging.py::test_a_number_of_buffers_that_cannot_be_breaks_the_queue",
    ),
    "a frame put together beyond its room": (
        "device/source/net.py",
        "if count > room:",
        "if False:",
        "test_net_merging.py::test_what_does_not_fit_into_the_callers_buffer_is_lost",
    ),
    "a header that goes on asking": (
        "queue/source/posted.py",
        "front[0] = 0",
        "pass",
        "test_net_checksums.py::test_what_is_sent_after_it_asks_for_nothing",
    ),
    "disk read past its end, at once": (
        "device/source/blk.py",
        "or uint(b[END]) - block < blocks:",
        "and False:",
        "test_block.py",
    ),
    "sectors beyond 2 TiB without a carry": (
        "device/source/blk.py",
        "if uint(low_sector) < uint(former):",
        "if False:",
        "test_block.py",
    ),
    "a disk that wrote less than it said": (
        "device/source/blk.py",
        "if entry[RESULT] < entry[DUE]:",
        "if entry[RESULT] < 0:",
        "test_block.py",
    ),
    "a batch sent during a step": (
        "queue/source/batch.py",
        "@guarded\ndef run",
        "@hot\ndef run",
        "test_refusals.py",
    ),
    "the batch of who was interrupted changed": (
        "device/source/blk.py",
        "if q[STEP] or hard[0]:",
        "if False:",
        "test_refusals.py",
    ),
    "FAILED not set": (
        "queue/virtqueue.py",
        "self.transport.fail()",
        "pass",
        "test_lying_device.py",
    ),
    "broken queue used on": (
        "queue/virtqueue.py",
        "self.broken = True\n        self.state[_USABLE] = 0",
        "pass",
        "test_lying_device.py",
    ),
    "disk read past its end": (
        "device/blk.py",
        "> self.block_count * self.block_size:",
        "> self.block_count * self.block_size + 512:",
        "test_block.py",
    ),
    "a late disk keeps the caller's buffer": (
        "device/blk.py",
        "self._reset(not isinstance(error, VirtIOError))",
        "pass",
        "test_block.py",
    ),
    "a step begun during another": (
        "queue/step.py",
        "if state[_STEP] or HARD and mem32[HARD]:\n        release()",
        "if HARD and mem32[HARD]:\n        release()",
        "test_refusals.py",
    ),
    "a step begun in a hard handler": (
        "queue/step.py",
        "if state[_STEP] or HARD and mem32[HARD]:\n        release()",
        "if state[_STEP]:\n        release()",
        "test_refusals.py",
    ),
    "a step that never ends": (
        "queue/step.py",
        "state[_STEP] = 0",
        "pass",
        "test_refusals.py",
    ),
    "a refused step still held": (
        "queue/step.py",
        "        release()\n        raise",
        "        raise",
        "test_refusals.py",
    ),
    "descriptors recycled during a step": (
        "queue/virtqueue.py",
        "        refuse(self.state)\n        return self._finish(token)",
        "        return self._finish(token)",
        "test_refusals.py",
    ),
    "a device reset for what was refused": (
        "device/blk.py",
        "if batch is None or is_refused(error):",
        "if batch is None:",
        "test_refusals.py",
    ),
    "one Ctrl-C resets the disk": (
        "device/blk.py",
        "self._wait(batch, result, 2)",
        "self._wait(batch, result, 1)",
        "test_lost_writes.py",
    ),
    "the second Ctrl-C not heard": (
        "device/blk.py",
        "self._wait(batch, 1, 1)",
        "self._wait(batch, 1, 2)",
        "test_lost_writes.py",
    ),
    "a lost write not noticed": (
        "device/blk.py",
        "if again and not self._queue.marks_lost & _T_OUT:",
        "if again:",
        "test_lost_writes.py",
    ),
    "a disk used that has lost something": (
        "device/blk.py",
        "if self._down:\n            raise",
        "if False:\n            raise",
        "test_lost_writes.py",
    ),
    "a batch lost by Ctrl-C": (
        "device/blk.py",
        "mine = batch\n",
        "mine = batch or self.new_batch(1)\n",
        "test_every_jump.py::test_ctrl_c[viper-split-guarded-Disk-sync]",
    ),
    "spoilt lines kept by Ctrl-C": (
        "cache.py",
        "        spoilt = self._spoilt\n",
        "        self._spoilt = spoilt = 0\n",
        "test_every_jump.py::test_ctrl_c[viper-split-guarded-Cached-drop]",
    ),
    "lines kept that another mount has read": (
        "cache.py",
        "if op == _INIT:",
        "if False:",
        "test_cache.py",
    ),
    "a user's handler called while something is held": (
        "queue/virtqueue.py",
        "if held() and not self._driver:",
        "if False:",
        "test_every_jump.py::test_a_handler_hears_of_everything",
    ),
    "a driver's handler not called in a wait": (
        "queue/virtqueue.py",
        "            self._call()\n            return False\n",
        "            return False\n",
        "test_every_jump.py::test_a_drivers_handler_is_called_while_another_device_works",
    ),
    "a handler that does not give way": (
        "queue/virtqueue.py",
        "if state[_MISSED] == _AGAIN:",
        "if False:",
        "test_interrupts.py::test_a_handler_that_asks_for_another_turn_gives_way",
    ),
    "a driver's handler that gives way to itself": (
        "queue/virtqueue.py",
        "            self._call()\n            return False\n",
        "            self._call()\n",
        "test_interrupts.py::test_a_handler_that_asks_for_another_turn_gives_way",
    ),
    "a handler called on that Ctrl-C has ended": (
        "queue/virtqueue.py",
        "                    if not self._driver:\n                        self.irq(None)",
        "                    pass",
        "test_every_jump.py::test_ctrl_c_ends_a_users_handler_only",
    ),
    "a driver's handler that fails once, and is called no more": (
        "queue/virtqueue.py",
        "                    port.call(self.transport.irq)\n",
        "",
        "test_interrupts.py::test_a_drivers_handler_that_raises_is_called_once_more",
    ),
    "handlers forgotten after Ctrl-C in one": (
        "transport/base.py",
        "            self.call_handlers_later()\n            raise",
        "            raise",
        "test_every_jump.py::test_ctrl_c_ends_a_users_handler_only",
    ),
}
# What writes the twins of a copy of the package.
WRITE = "import pathlib, sys, tools.twins as t; t.write(pathlib.Path(sys.argv[1]))"
NOTHING = ("layouts.py", "LEGACY = const(1)", "LEGACY = const(1)", "test_layouts.py")


def run_tests_with(mutant, place):
    """Run the tests of a mutant on a copy of the package in `place`; what pytest ended with."""
    file, line, wrong, tests = mutant
    package = place / "mpy_virtio"
    shutil.copytree(ROOT / "mpy_virtio", package, ignore=shutil.ignore_patterns("__pycache__"))
    source = (package / file).read_text()
    if source.count(line) != 1:
        pytest.fail(f"{line!r} is not in {file} exactly once")
    (package / file).write_text(source.replace(line, wrong))
    if "/source/" in file:
        # In a process of its own: two threads at once are too many for Python's own parser.
        subprocess.run([sys.executable, "-c", WRITE, package], cwd=ROOT, check=True)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    # `-m` puts the project's root on the path, and this puts the copy before it.
    command += ["-o", f"pythonpath={place}", UNIT + tests]
    if "packed" not in file:
        # What both rings share is noticed on one.
        command += ["-k", "not packed"]
    # One that has no end would be no mutant of use.
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TOO_LONG)


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """The runs of all that is selected here, two at a time."""
    chosen = [item.callspec.params["name"] for item in request.session.items if _is_ours(item)]
    with ThreadPoolExecutor(2) as pool:
        yield {
            name: pool.submit(
                run_tests_with, MUTANTS.get(name, NOTHING), tmp_path_factory.mktemp("mutant")
            )
            for name in chosen
        }


def _is_ours(item):
    return item.path == Path(__file__)


@pytest.mark.mutants
@pytest.mark.parametrize("name", ["the package as it is"])
def test_the_package_as_it_is_passes(runs, name):
    run = runs[name].result()
    assert run.returncode == 0, run.stdout


@pytest.mark.mutants
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_noticed(runs, name):
    run = runs[name].result()
    assert run.returncode == TESTS_FAILED, run.stdout
