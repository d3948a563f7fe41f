"""How transfers end."""

import pytest

from tests.unit.child.ftp.playbook import CAPTURE_END, CLIENT, CLIENT_ADDR, FIN_ENDED, RST_ENDED, SERVER, SERVER_ADDR, Play, end
from tmon_probe.child.ftp import dialogues
from tmon_probe.child.ftp.dialogues import DATA_WAIT_NS
from tmon_probe.child.tcp.layout import EVICTED, REPLACED, TIMEOUT


def _under_way(command: str = "RETR a") -> tuple[Play, int]:
    play = Play().login().say("> EPSV", "< 229 (|||40001|)")
    data = play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 40001))
    return play.say(f"> {command}", "< 150 go"), data


@pytest.mark.parametrize("reply", ["550 no", "425 Use PORT or PASV first.", "450 busy", "553 no", "500 Unknown command.", "530 no"])
def test_refused(reply):
    """4xx and 5xx before any data: refused, at once where no data connection was announced."""
    play = Play().login().say("> RETR a", f"< {reply}")
    assert [("RETR", "a", "refused", int(reply[:3]))] == play.outcomes()


def test_refused_with_a_connection_open():
    """The client of a refused transfer may close the data connection that it had opened, in whatever way."""
    play = Play().login().say("> EPSV", "< 229 (|||40001|)")
    data = play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 40001))
    play.say("> RETR a", "< 550 no")
    play.ended(data, by=RST_ENDED, closed_by=CLIENT)
    assert [("RETR", "a", "refused", 550)] == play.outcomes()


def test_aborted_by_abor():
    """ABOR with its Telnet signals: 426 to the transfer, 226 to ABOR."""
    play, data = _under_way()
    play.send(False, b"\xff\xf4\xff")
    play.send(False, b"\xf2ABOR\r\n")
    play.say("< 426 broken", "< 226 ABOR successful", "> NOOP", "< 200 ok")
    play.ended(data, (0, 4000))
    assert [("RETR", "a", "aborted", 426)] == play.outcomes()
    assert 4000 == play.last.octets


def test_abor_too_late():
    """ABOR after the server had sent everything: completed."""
    play, data = _under_way()
    play.say("> ABOR", "< 226 Transfer complete", "< 225 No transfer to ABOR")
    play.ended(data, (0, 4000))
    assert [("RETR", "a", "completed", 226)] == play.outcomes()


def test_abor_with_one_reply():
    """Some servers answer both with one 226; the next reply is that of the next command."""
    play, data = _under_way()
    play.say("> ABOR", "< 226 Abort successful", "> RETR b", "< 550 no")
    play.ended(data, (0, 4000), closed_by=SERVER)
    assert {("RETR", "b", "refused", 550), ("RETR", "a", "aborted", 226)} == set(play.outcomes())


@pytest.mark.parametrize(("command", "by", "closed_by", "reply", "expected"), [
    ("RETR a", RST_ENDED, CLIENT, "426 broken", "aborted"),
    ("RETR a", RST_ENDED, CLIENT, "226 sent all", "aborted"),  # the server's TCP had taken all of it
    ("RETR a", FIN_ENDED, CLIENT, "426 broken", "aborted"),
    ("RETR a", FIN_ENDED, CLIENT, "226 done", "completed"),
    ("RETR a", FIN_ENDED, SERVER, "226 done", "completed"),
    ("RETR a", RST_ENDED, SERVER, "226 done", "completed"),
    ("RETR a", RST_ENDED, SERVER, "426 broken", "connection_lost"),
    ("RETR a", FIN_ENDED, SERVER, "451 disk", "refused"),
    ("RETR a", FIN_ENDED, SERVER, "421 Data timeout", "timed_out"),
    ("STOR a", FIN_ENDED, CLIENT, "226 done", "completed"),
    ("STOR a", FIN_ENDED, CLIENT, "426 broken", "connection_lost"),
    ("STOR a", RST_ENDED, CLIENT, "426 broken", "aborted"),
    ("STOR a", FIN_ENDED, SERVER, "552 full", "refused"),
])
def test_by_reply_and_data_connection(command, by, closed_by, reply, expected):
    """Who closed the data connection, and how, tells an abort from a failure."""
    play, data = _under_way(command)
    play.say(f"< {reply}")
    play.ended(data, (1000, 1000), by=by, closed_by=closed_by)
    assert [expected] == [t.outcome for t in play.transfers]


@pytest.mark.parametrize("reply", ["< 426 broken", "< 226 done"])
def test_client_killed(reply):
    """The client closes its control connection before the final reply, without QUIT."""
    play, data = _under_way("STOR a")
    play.send(False, b"", closes=True)
    play.say(reply)
    play.ended(data, (1000, 0), closed_by=CLIENT)
    assert ["aborted"] == [t.outcome for t in play.transfers]


def test_quit_sent_ahead():
    """QUIT during a transfer lets it go on, RFC 959 section 4.1.1."""
    play, data = _under_way()
    play.say("> QUIT")
    play.send(False, b"", closes=True)
    play.say("< 226 done", "< 221 bye")
    play.ended(data, (0, 1000))
    assert ["completed"] == [t.outcome for t in play.transfers]


@pytest.mark.parametrize(("by", "closed_by", "expected"), [
    (FIN_ENDED, SERVER, "connection_lost"), (RST_ENDED, SERVER, "connection_lost"), (RST_ENDED, CLIENT, "aborted"),
    (REPLACED, 0, "connection_lost"), (CAPTURE_END, 0, "unfinished"),
])
def test_without_a_reply(by, closed_by, expected):
    """The control connection ends before the final reply."""
    play, data = _under_way()
    play.hang_up(closed_by, by)
    play.ended(data, (0, 5))
    assert [(expected, None)] == [(t.outcome, t.reply_code) for t in play.transfers]


@pytest.mark.parametrize("by", [TIMEOUT, EVICTED])
def test_silent_session(by):
    """The tracker forgets a silent control connection; the session goes on when it is heard again, and else times out."""
    play, data = _under_way()
    serial = play.control.serial
    play.ended(serial, by=by, closed_by=0)
    again = play.engine.begin(77, *play.control.ends, False, play.tick(), [1])
    assert again is play.control
    play._next[77] = play._next[serial]
    play.say("< 226 done")
    play.ended(data, (0, 5))
    assert [("RETR", "a", "completed", 226)] == play.outcomes()
    play.say("> RETR b")
    play.engine.flush(play.now_ns + 3600 * 10**9 + 1)
    assert [("RETR", "b", "timed_out", None)] == play.outcomes()[1:]
    assert 0 == len(play.engine)


def test_long_transfer_keeps_its_session():
    """A session whose data connection lives is not idle, however silent its control connection."""
    play, data = _under_way()
    play.engine.flush(play.now_ns + 5 * 3600 * 10**9)
    assert (1, []) == (len(play.engine), play.transfers)
    play.say("< 226 done")
    play.ended(data, (0, 5))
    assert [("RETR", "a", "completed", 226)] == play.outcomes()


def test_a_recording_that_was_later_is_not_waited_for():
    """Packet time goes back: a session of the later recording, ahead in the queue, does not keep others from being idle."""
    idle_ns = 3600 * 10**9
    play = Play(idle_ns=idle_ns)  # its session is of two hours later
    play.engine.segment(play.control, False, 1001, None, b"", play.now_ns + 2 * idle_ns + 10**9)
    earlier = play.session(port=40001)
    play.engine.flush(play.now_ns)
    assert earlier.gone is False
    assert 1 == len(play.engine)
    play.engine.flush(play.now_ns + idle_ns + 1)
    assert (0, True) == (len(play.engine), earlier.gone)


def test_data_connection_not_seen():
    """After its final reply a transfer waits for a data connection that was announced, for some seconds."""
    play = Play().login().say("> EPSV", "< 229 (|||40001|)", "> RETR a", "< 150 go", "< 226 done")
    play.engine.flush(play.now_ns + DATA_WAIT_NS - 1)
    assert [] == play.transfers
    play.engine.flush(play.now_ns + DATA_WAIT_NS)
    assert [("RETR", "a", "completed", 226)] == play.outcomes()
    assert (None, None) == (play.last.octets, play.last.duration_ns)


def test_those_that_wait_are_bounded(monkeypatch):
    """Not more than so many transfers wait for their data connection; the oldest is told without."""
    monkeypatch.setattr(dialogues, "MAX_WAITING", 3)
    play = Play().login()
    for n in range(5):
        play.say("> EPSV", f"< 229 (|||{40001 + n}|)", f"> RETR {n}", "< 150 go", "< 226 done")
    assert ["0", "1"] == [t.path for t in play.transfers]


def test_only_the_client_is_heard():
    """Where no reply is seen at all, the data connection tells."""
    play = Play(from_start=False).say("> USER a", "> PORT 192,0,2,1,156,64", "> STOR x")
    first = play.opened(end(SERVER_ADDR, 20), end(CLIENT_ADDR, 40000))
    play.ended(first, (0, 500), by=TIMEOUT, closed_by=SERVER)
    play.hang_up(CLIENT)
    assert [("STOR", "x", "completed", None)] == play.outcomes()
    assert 500 == play.last.octets


def test_oldest_session_gives_way():
    """With too many sessions the one silent for longest goes, counted, its transfers lost."""
    play = Play(max_sessions=2)
    first = play.control
    play.login().say("> RETR a", "< 150 go")
    play.session(port=40001)
    play.session(port=40002)
    assert (2, 1) == (len(play.engine), play.engine.counters()["ftp_sessions_evicted"])
    assert [("RETR", "a", "connection_lost", None)] == play.outcomes()
    play.control = first
    play.say("< 226 done")
    assert 1 == len(play.transfers)
