"""Words for how a process ended."""

import signal
import subprocess

import pytest

from tmon_common.exit_status import words


@pytest.mark.parametrize(("status", "said"), [(0, "exit status 0"), (7, "exit status 7"), (None, "exit status None"),
                                              (-9, "killed by SIGKILL")])
def test_every_end_has_words(status, said):
    assert words(status) == said


def test_a_signal_without_a_name():
    """As a real process dies of it: who watches one must not stumble."""
    process = subprocess.Popen(["sleep", "60"])
    process.send_signal(signal.SIGRTMIN + 1)
    assert words(process.wait()) == f"killed by signal {signal.SIGRTMIN + 1}"
