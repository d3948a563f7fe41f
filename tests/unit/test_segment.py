"""Named shared memory."""

import os
import secrets
import signal
import subprocess
import sys

import pytest

from tmon_common.event_board import TOLD, EventBoard
from tmon_common.segment import SEGMENTS, Segment, SegmentError
from tmon_common.stats import Statistics

USER, STRANGER = 65533, 65534


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


@pytest.fixture
def another_users(name):
    """Files of this name are another user's, and this process may not do more than any user."""
    if os.geteuid() != 0:
        pytest.skip("takes another user")

    def make(path=SEGMENTS / name):
        path.write_bytes(bytes(1000))
        os.chown(path, STRANGER, STRANGER)
        path.chmod(0o666)
        return path

    os.seteuid(USER)
    made = []
    yield lambda *path: made.append(_as_root(make, *path)) or made[-1]
    os.seteuid(0)
    for path in made:
        path.unlink(missing_ok=True)


def _as_root(call, *arguments):
    os.seteuid(0)
    try:
        return call(*arguments)
    finally:
        os.seteuid(USER)


def test_what_another_user_has_put_there_is_left_alone(name, another_users):
    """Statistics and board: nothing is read, written or removed, and whoever starts the program is told what is in the way."""
    path = another_users()
    for make in (lambda: Statistics.create(name, ["one"]), lambda: EventBoard.create(name)):
        with pytest.raises(SegmentError, match=f"^{path} is in the way, and another user's .*; else let root remove the file$"):
            make()
    assert bytes(1000) == path.read_bytes()


def test_what_only_another_user_may_open(name, another_users):
    """It may be a running program: that is not to be known."""
    path = another_users()
    _as_root(path.chmod, 0o600)
    with pytest.raises(SegmentError, match=f"^{path} is in the way, and another user's"):
        Statistics.create(name, ["one"])


def test_a_link_is_not_followed(name, tmp_path):
    (tmp_path / "target").write_bytes(bytes(1000))
    (SEGMENTS / name).symlink_to(tmp_path / "target")
    with pytest.raises(SegmentError, match="is in the way"):
        Statistics.create(name, ["one"])
    assert bytes(1000) == (tmp_path / "target").read_bytes()


def test_another_users_file_beside_a_board_disturbs_neither_its_beginning_nor_its_end(name, another_users):
    """Whoever may write into the directory can put one there at any time."""
    another_users(SEGMENTS / f"{name}{TOLD}-first")
    board = EventBoard.create(name)
    another_users(SEGMENTS / f"{name}{TOLD}-second")
    board.close()
    assert not (SEGMENTS / name).exists()
