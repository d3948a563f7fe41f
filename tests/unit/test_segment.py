"""Named shared memory."""

import os
import secrets
import signal
import subprocess
import sys

import pytest

from tmon_common.segment import SEGMENTS, Segment


@pytest.fixture
def name():
    name = f"trafmon-test-{secrets.token_hex(6)}"
    yield name
    (SEGMENTS / name).unlink(missing_ok=True)


def test_what_a_killed_process_had_stays(name):
    """There is nobody to tidy up: no process but the killed one."""
    program = f"import os, signal; from tmon_common.segment import Segment\nSegment({name!r}, 5).buf[:] = b'still'\nos.kill(0, 9)"
    killed = subprocess.run([sys.executable, "-c", program], check=False, start_new_session=True)
    assert -signal.SIGKILL == killed.returncode
    assert b"still" == (SEGMENTS / name).read_bytes()
    with pytest.raises(FileExistsError):
        Segment(name, 5)


def test_only_its_user_may_look(name):
    """Whatever the umask is."""
    before = os.umask(0)
    try:
        segment = Segment(name, 5)
    finally:
        os.umask(before)
    assert 0o600 == (SEGMENTS / name).stat().st_mode & 0o777
    segment.close()
    segment.unlink()
    segment.unlink()  # not there any more: no error
    assert not (SEGMENTS / name).exists()


def test_without_room_there_is_an_error_and_nothing_is_left(name):
    """Instead of a signal when it is written to."""
    with pytest.raises(OSError, match=r"no room for .* octets of shared memory"):
        Segment(name, 1 << 50)
    assert not (SEGMENTS / name).exists()
