"""Leaving nothing behind when Ctrl-C comes."""

import signal
import subprocess

import pytest

from virtboard.leftovers import uninterrupted


def test_ctrl_c_waits_until_the_end_of_what_is_begun():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append(1)
    assert done == [1]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_what_goes_wrong_inside_changes_no_handler():
    former = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), uninterrupted():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is former


def test_what_is_started_inside_can_be_interrupted():
    with uninterrupted():
        process = subprocess.Popen(["sleep", "60"])
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT
