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

# What is wrong: the file, the line as it is, as it must not be, and the tests that have to notice.
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
        "if self.version == 2 and not offered & features.VERSION_1:",
        "if False:",
        "test_handshake.py",
    ),
    "reset not waited for": (
        "transport/base.py",
        "wait_until(lambda: self.status == 0, _RESET_TIMEOUT_MS)",
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
        "transport/mmio.py",
        "if not self.driver_ok:",
        "if False:",
        "test_transport.py",
    ),
    "legacy frame counted in sectors": (
        "transport/mmio.py",
        "desc // self._page_size)",
        "desc // 512)",
        "test_transport.py",
    ),
    "NEXT in the last descriptor": (
        "queue/table.py",
        "DESC_F_NEXT if left else 0",
        "DESC_F_NEXT",
        "test_queue.py",
    ),
    "buffers not kept": (
        "queue/table.py",
        "self.buffers[index] = buffer",
        "pass",
        "test_queue.py",
    ),
    "no barrier before publication": (
        "queue/hot_bytecode.py",
        "q[_AVAIL_IDX] = following\n    fence()\n",
        "q[_AVAIL_IDX] = following\n",
        "test_queue.py",
    ),
    "no barrier before publication, in viper": (
        "queue/hot_viper.py",
        "q[_AVAIL_IDX] = idx\n    fence()\n",
        "q[_AVAIL_IDX] = idx\n",
        "test_queue.py",
    ),
    "events compared without wrapping": (
        "queue/hot_bytecode.py",
        "wanted = (new - event - 1) & 0xFFFF < (new - q[_NOTIFIED]) & 0xFFFF",
        "wanted = q[_NOTIFIED] <= event < new",
        "test_queue.py",
    ),
    "events compared without wrapping, in viper": (
        "queue/hot_viper.py",
        "int((new - event - 1) & 0xFFFF < (new - q[_NOTIFIED]) & 0xFFFF)",
        "int(q[_NOTIFIED] <= event < new)",
        "test_queue.py",
    ),
    "descriptors not recycled": (
        "queue/hot_bytecode.py",
        "q[_FREE] += q[at + _COUNT]",
        "pass",
        "test_queue.py",
    ),
    "abandoned descriptors used again at once": (
        "queue/split.py",
        "state[_HEADS + 8 * token + _STATE] = _ABANDONED",
        "twin.recycle(state, token)",
        "test_queue_properties.py",
    ),
    "used index not bounded": (
        "queue/hot_bytecode.py",
        "if ahead > q[_IN_FLIGHT]:",
        "if False:",
        "test_lying_device.py",
    ),
    "used index not bounded, in viper": (
        "queue/hot_viper.py",
        "            if ahead > q[_IN_FLIGHT]:\n",
        "            if False:\n",
        "test_block.py",
    ),
    "used index of other requests not bounded, in viper": (
        "queue/hot_viper.py",
        "\n        if ahead > q[_IN_FLIGHT]:\n",
        "\n        if False:\n",
        "test_lying_device.py",
    ),
    "used length of the common case not checked, in viper": (
        "queue/hot_viper.py",
        " or element[1] != item[_LENGTH]:",
        ":",
        "test_block.py",
    ),
    "used id of the common case not checked, in viper": (
        "queue/hot_viper.py",
        " or item[_STATE] != _JOB or",
        " or",
        "test_block.py",
    ),
    "used id not checked": (
        "queue/hot_bytecode.py",
        "if kind == _FREE_STATE or kind == _DONE:",
        "if False:",
        "test_lying_device.py",
    ),
    "used id not checked, in viper": (
        "queue/hot_viper.py",
        "if kind == _FREE_STATE or kind == _DONE:",
        "if False:",
        "test_lying_device.py",
    ),
    "used id cut to 16 bits": (
        "queue/hot_bytecode.py",
        "token = mem32[element] & _WORD",
        "token = mem32[element] & 0xFFFF",
        "test_lying_device.py",
    ),
    "used length not checked": (
        "queue/hot_bytecode.py",
        "if length > q[head + _WRITABLE]:",
        "if False:",
        "test_lying_device.py",
    ),
    "used length not checked, in viper": (
        "queue/hot_viper.py",
        "if length > uint(item[_WRITABLE]):",
        "if False:",
        "test_lying_device.py",
    ),
    "used index of frames not bounded": (
        "queue/frames_bytecode.py",
        "if there > q[_IN_FLIGHT]:",
        "if False:",
        "test_net.py::test_a_card_that_lies",
    ),
    "used index of frames not bounded, in viper": (
        "queue/frames_viper.py",
        "if there > q[_IN_FLIGHT]:",
        "if False:",
        "test_net.py::test_a_card_that_lies",
    ),
    "used id of a frame not checked": (
        "queue/frames_bytecode.py",
        "if not _reorder(q, f, token, done):",
        "if False:",
        "test_net.py::test_a_card_that_lies",
    ),
    "used id of a frame not checked, in viper": (
        "queue/frames_viper.py",
        "            if token != f[place] and int(reorder",
        "            if False and int(reorder",
        "test_net.py::test_a_card_that_lies",
    ),
    "used id of a frame looked for beyond what is in flight": (
        "queue/frames_bytecode.py",
        "for n in range(f[_IDLE] + done, f[_BUFFER_COUNT]):",
        "for n in range(f[_BUFFER_COUNT]):",
        "test_net.py::test_a_card_that_lies",
    ),
    "used id of a frame looked for beyond what is in flight, in viper": (
        "queue/frames_viper.py",
        "left = q[_IN_FLIGHT] - done",
        "left = f[_BUFFER_COUNT]",
        "test_net.py::test_a_card_that_lies",
    ),
    "used length of a frame not checked": (
        "queue/frames_bytecode.py",
        "            if not least <= length <= limit:",
        "            if False:",
        "test_net.py::test_a_card_that_says_it_wrote_what_it_reads",
    ),
    "used length of a frame not checked, in viper": (
        "queue/frames_viper.py",
        "if uint(length) > uint(room):",
        "if False:",
        "test_net.py::test_a_card_that_says_it_wrote_what_it_reads",
    ),
    "number of a frame's buffers not checked": (
        "queue/frames_bytecode.py",
        "if not 0 < parts <= there:",
        "if False:",
        "test_net_merging.py::test_a_number_of_buffers_that_cannot_be_breaks_the_queue",
    ),
    "number of a frame's buffers not checked, in viper": (
        "queue/frames_viper.py",
        "if not parts or parts > there:",
        "if False:",
        "test_net_merging.py::test_a_number_of_buffers_that_cannot_be_breaks_the_queue",
    ),
    "used id of a later buffer of a frame not checked": (
        "queue/frames_bytecode.py",
        "and not _reorder(q, f, token, n):",
        "and False:",
        "test_net_merging.py::test_a_lie_about_a_later_buffer_breaks_the_queue",
    ),
    "used length of a later buffer of a frame not checked": (
        "queue/frames_bytecode.py",
        "\n        if not least <= length <= limit:",
        "\n        if False:",
        "test_net_merging.py::test_a_lie_about_a_later_buffer_breaks_the_queue",
    ),
    "used id of a later buffer of a frame not checked, in viper": (
        "queue/frames_viper.py",
        "\n        if token != f[place] and int(reorder",
        "\n        if False and int(reorder",
        "test_net_merging.py::test_a_lie_about_a_later_buffer_breaks_the_queue",
    ),
    "used length of a later buffer of a frame not checked, in viper": (
        "queue/frames_viper.py",
        "if uint(length) > uint(room) or not done and length < header:",
        "if False:",
        "test_net_merging.py::test_a_lie_about_a_later_buffer_breaks_the_queue",
    ),
    "a frame put together beyond its room": (
        "queue/frames_bytecode.py",
        "count = min(length - start, len(buf)) - done",
        "count = length - start - done",
        "test_net_merging.py::test_what_does_not_fit_into_the_callers_buffer_is_lost",
    ),
    "a frame put together beyond its room, in viper": (
        "queue/frames_viper.py",
        "if count > room:",
        "if False:",
        "test_net_merging.py::test_what_does_not_fit_into_the_callers_buffer_is_lost",
    ),
    "a header that goes on asking": (
        "queue/frames_bytecode.py",
        "view[0] = 0",
        "pass",
        "test_net_checksums.py::test_what_is_sent_after_it_asks_for_nothing",
    ),
    "a header that goes on asking, in viper": (
        "queue/frames_viper.py",
        "ptr8(view)[0] = 0",
        "pass",
        "test_net_checksums.py::test_what_is_sent_after_it_asks_for_nothing",
    ),
    "FAILED not set": (
        "queue/split.py",
        "self.transport.fail()",
        "pass",
        "test_lying_device.py",
    ),
    "broken queue used on": (
        "queue/split.py",
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
    "disk read past its end, in viper": (
        "queue/hot_viper.py",
        "if block >= most or most - block < blocks:",
        "if False:",
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
    "jobs sent during a step, in viper": (
        "queue/hot_viper.py",
        "if q[_STEP] | ptr32(q[_HARD])[0]:\n        return _REFUSED\n    following",
        "if False:\n        return _REFUSED\n    following",
        "test_refusals.py",
    ),
    "the jobs of who was interrupted changed": (
        "queue/hot_bytecode.py",
        "if q[_STEP] or mem32[q[_HARD]]:",
        "if False:",
        "test_refusals.py",
    ),
    "the jobs of who was interrupted changed, in viper": (
        "queue/hot_viper.py",
        "if q[_STEP] | ptr32(q[_HARD])[0]:\n        # The jobs",
        "if False:\n        # The jobs",
        "test_refusals.py",
    ),
    "descriptors recycled during a step": (
        "queue/split.py",
        "        refuse(self.state)\n        return self._finish(token)",
        "        return self._finish(token)",
        "test_refusals.py",
    ),
    "a device reset for what was refused": (
        "device/blk.py",
        "if jobs is None or is_refused(error):",
        "if jobs is None:",
        "test_refusals.py",
    ),
    "one Ctrl-C resets the disk": (
        "device/blk.py",
        "self._wait(jobs, result, 2)",
        "self._wait(jobs, result, 1)",
        "test_lost_writes.py",
    ),
    "the second Ctrl-C not heard": (
        "device/blk.py",
        "self._wait(jobs, 1, 1)",
        "self._wait(jobs, 1, 2)",
        "test_lost_writes.py",
    ),
    "a lost write not noticed": (
        "device/blk.py",
        "if again and not self._queue.lost_write:",
        "if again:",
        "test_lost_writes.py",
    ),
    "a disk used that has lost something": (
        "device/blk.py",
        "if self._down:\n            raise",
        "if False:\n            raise",
        "test_lost_writes.py",
    ),
    "jobs lost by Ctrl-C": (
        "device/blk.py",
        "mine = jobs\n",
        "mine = jobs or self._new_jobs()\n",
        "test_every_jump.py::test_ctrl_c[viper-guarded-Disk-sync]",
    ),
    "spoilt lines kept by Ctrl-C": (
        "cache.py",
        "        spoilt = self._spoilt\n",
        "        self._spoilt = spoilt = 0\n",
        "test_every_jump.py::test_ctrl_c[viper-guarded-Cached-drop]",
    ),
    "lines kept that another mount has read": (
        "cache.py",
        "if op == _INIT:",
        "if False:",
        "test_cache.py",
    ),
    "a user's handler called while something is held": (
        "queue/split.py",
        "if held() and not self._driver:",
        "if False:",
        "test_every_jump.py::test_a_handler_hears_of_everything",
    ),
    "a driver's handler not called in a wait": (
        "queue/split.py",
        "            self._call()\n            return False\n",
        "            return False\n",
        "test_every_jump.py::test_a_drivers_handler_is_called_while_another_device_works",
    ),
    "a handler that does not give way": (
        "queue/split.py",
        "if state[_MISSED] == _AGAIN:",
        "if False:",
        "test_interrupts.py::test_a_handler_that_asks_for_another_turn_gives_way",
    ),
    "a driver's handler that gives way to itself": (
        "queue/split.py",
        "            self._call()\n            return False\n",
        "            self._call()\n",
        "test_interrupts.py::test_a_handler_that_asks_for_another_turn_gives_way",
    ),
    "a handler called on that Ctrl-C has ended": (
        "queue/split.py",
        "                if not self._driver:\n                    self.irq(None)",
        "                pass",
        "test_every_jump.py::test_ctrl_c_ends_a_users_handler_only",
    ),
    "handlers forgotten after Ctrl-C in one": (
        "transport/base.py",
        "            self.call_handlers_later()\n            raise",
        "            raise",
        "test_every_jump.py::test_ctrl_c_ends_a_users_handler_only",
    ),
}
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
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    # `-m` puts the project's root on the path, and this puts the copy before it.
    command += ["-o", f"pythonpath={place}", UNIT + tests]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


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
