"""Kernel and engine read a control connection together."""

from tests.unit.child.ftp.playbook import reachable
from tests.unit.child.ftp.wire import SYN, Segment, Wire

CLIENT, SERVER = False, True
BEGIN = (Segment(CLIENT, 99, flags=SYN), Segment(SERVER, 499, ack=100, flags=SYN), Segment(SERVER, 500, b"220 a\r\n", ack=100))


def test_handed_over_and_back():
    """A line in two segments is the engine's, the next one the kernel's again, whether in the same batch or in another."""
    for batches in (1, 2):
        wire = Wire().read(*BEGIN)
        segments = Segment(CLIENT, 100, b"NO"), Segment(CLIENT, 102, b"OP\r\n"), Segment(CLIENT, 106, b"NOOP\r\n")
        for at in range(0, 3, 3 // batches):
            wire.read(*segments[at : at + 3 // batches])
        assert (2, 1) == (wire.counts["commands"], wire.counts["replies_2xx"])
        assert [True, True] == wire.lent


def test_not_handed_back_while_something_is_open():
    """Half a line, or a hole before what has come, stays with the engine; octets that are acknowledged unseen end that."""
    wire = Wire().read(*BEGIN, Segment(CLIENT, 100, b"NO"))
    assert [False, True] == wire.lent
    wire.read(Segment(CLIENT, 102, b"OP\r\n"), Segment(SERVER, 520, b"200 b\r\n"))
    assert [True, False] == wire.lent
    wire.read(Segment(CLIENT, 106, b"NOOP\r\n", ack=527))
    assert [True, True] == wire.lent
    assert (1, 2, 2) == (wire.engine.counters()["ftp_gaps"], wire.counts["replies_2xx"], wire.counts["commands"])


def test_more_hand_overs_than_are_done_at_once():
    """Directions that could not be handed back within a batch are at its end."""
    wire = Wire().read(*BEGIN)
    text = b"NOOP\r\n" * 60
    wire.read(*(Segment(CLIENT, 100 + 3 * n, text[3 * n : 3 * n + 3]) for n in range(120)), Segment(CLIENT, 460, b"NOOP\r\n"))
    assert 61 == wire.counts["commands"]
    assert [True, True] == wire.lent


def test_encrypted():
    """After AUTH is accepted nothing is read, neither in that batch nor later; the session is not silent for that."""
    wire = Wire().read(*BEGIN, Segment(CLIENT, 100, b"AUTH TLS\r\n"), Segment(SERVER, 507, b"234 go\r\n"),
                       Segment(CLIENT, 110, b"USER a\r\n"), Segment(SERVER, 515, b"230 x\r\n"))
    wire.read(Segment(CLIENT, 118, b"\x16\x03"), Segment(CLIENT, 120, b"PASS b\r\n", time_ns=wire.control.last_ns + 5))
    assert {"sessions": 1, "commands": 1, "replies_2xx": 2, "encrypted": 1} == dict(wire.counts)
    assert wire.control.session.encrypted


def test_passwords_are_nowhere():
    """What PASS says is in no state, whether the kernel or the engine has read the line."""
    wire = Wire().read(*BEGIN, Segment(CLIENT, 100, b"PASS correct-horse\r\n"), Segment(CLIENT, 120, b"PASS corr"),
                       Segment(CLIENT, 129, b"ect-horse\r\n"), Segment(CLIENT, 140, b"USER anna\r\n"))
    assert 3 == wire.counts["commands"]
    texts = reachable(wire)
    assert "anna" in texts
    assert not [text for text in texts if "horse" in text]


def test_the_connection_ends():
    """What the engine had of it is told; the number that comes next is known if the session goes on in another slot."""
    wire = Wire().read(*BEGIN, Segment(CLIENT, 100, b"NOOP\r\n"))
    wire.reader.end(5)
    assert [False, False] == wire.lent
    assert [106, 507] == [stream.following for stream in wire.control.streams]
    wire.read(Segment(CLIENT, 106, b"NOOP\r\n"))  # nobody's now
    assert 1 == wire.counts["commands"]
