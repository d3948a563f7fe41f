"""Fragments of one file are joined."""

from tests.unit.child.ftp.playbook import CLIENT, CLIENT_ADDR, RST_ENDED, SERVER_ADDR, Play, end
from tmon_probe.child.ftp import resumes


def _cut(play: Play, port: int, command: str, octets: tuple[int, int]) -> Play:
    return play.passive(port, command, "< 426 broken", octets, by=RST_ENDED, closed_by=CLIENT)


def _resumed(play: Play) -> list[tuple]:
    return [(t.resumes, t.fragment, t.file_octets) for t in play.transfers]


def test_three_fragments():
    """Each fragment names the one before, and tells what all cover together; octets that overlap count once."""
    play = _cut(Play().login(), 40001, "RETR a", (0, 500)).say("> REST 400", "< 350 ok")
    _cut(play, 40002, "RETR a", (0, 300)).say("> REST 700", "< 350 ok").passive(40003, "RETR a", octets=(0, 300))
    assert [(None, 1, 500), (1, 2, 700), (2, 3, 1000)] == _resumed(play)


def test_completed_file_is_not_resumed():
    """A REST after the whole file was moved begins a file of its own; so does a transfer from the start."""
    play = Play().login().passive(40001, "RETR a", octets=(0, 500)).say("> REST 400", "< 350 ok")
    play.passive(40002, "RETR a", octets=(0, 100))
    _cut(play, 40003, "RETR a", (0, 50)).passive(40004, "RETR a", octets=(0, 500))
    assert [(None, 1, 500), (None, 1, 100), (None, 1, 50), (None, 1, 500)] == _resumed(play)


def test_by_path_user_and_direction():
    """Other paths, other users and the other direction have nothing to do with it; the way to the directory has not either."""
    play = _cut(Play().login().say("> CWD /pub", "< 250 ok"), 40001, "RETR a", (0, 500))
    for n, command in enumerate(("RETR b", "STOR a")):
        play.say("> REST 500", "< 350 ok").passive(40002 + n, command)
    play.session(port=40001)
    play.login("other").say("> REST 500", "< 350 ok").passive(40010, "RETR /pub/a")
    play.session(port=40002)
    play.login().say("> REST 500", "< 350 ok").passive(40011, "RETR /pub/a", octets=(0, 10))
    assert [None, None, None, None, 1] == [t.resumes for t in play.transfers]


def test_appended():
    """APPE goes on where SIZE says that the server has it, else where the earlier fragment ended."""
    play = _cut(Play().login(), 40001, "STOR a", (500, 0)).say("> SIZE a", "< 213 450")
    _cut(play, 40002, "APPE a", (100, 0)).passive(40003, "APPE a", octets=(50, 0))
    assert [(None, 1, 500), (1, 2, 550), (2, 3, 600)] == _resumed(play)


def test_refused_attempt_between():
    """An attempt that moved nothing does not hide what can be resumed."""
    play = _cut(Play().login(), 40001, "RETR a", (0, 500)).passive(40002, "RETR a", "< 550 no").say("> REST 500", "< 350 ok")
    play.passive(40003, "RETR a", octets=(0, 1))
    assert [(None, 1, 500), (None, 1, 0), (1, 2, 501)] == _resumed(play)


def test_resumed_before_its_end_is_known():
    """A client that lost its network resumes with a new session while the old connection still lingers."""
    play = Play().login().say("> EPSV", "< 229 (|||40001|)")
    stuck = play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 40001))
    play.say("> RETR a", "< 150 go")
    play.session(port=40001)
    play.login().say("> REST 480", "< 350 ok").passive(40002, "RETR a", octets=(0, 20))
    assert [(1, 2, 500)] == _resumed(play)
    play.ended(stuck, (0, 490))
    play.finish()
    assert (None, 1, 490) == _resumed(play)[1]


def test_memory_is_bounded(monkeypatch):
    """The oldest unfinished file is forgotten; what is finished is not kept."""
    monkeypatch.setattr(resumes, "MAX_FILES", 3)
    play = Play().login()
    for n in range(5):
        _cut(play, 40001 + n, f"RETR {n}", (0, 5))
    for n in reversed(range(5)):
        play.say("> REST 5", "< 350 ok").passive(41001 + n, f"RETR {n}", octets=(0, 5))
    assert [5, 4, 3, None, None] == [t.resumes for t in play.transfers[5:]]
    assert (0, {}) == (len(play.engine._resumes), play.engine._resumes._open)
