"""The kernel that cuts lines: what it reads itself, what it leaves to the engine."""

import numpy as np
import pytest

from tests.unit.child.ftp.wire import ACK, FIN, RST, SERVER, SYN, Segment, batch_of
from tmon_probe import records as r
from tmon_probe.child.ftp import cutting
from tmon_probe.child.ftp.cutting import (
    ACKNOWLEDGED,
    BEGIN,
    COMMAND,
    DEAF,
    END,
    ENGINES,
    KIND,
    LEFT,
    MORE,
    NOTHING,
    OURS,
    REPLY,
    SEGMENT,
    TOKEN,
    UNKNOWN,
    UNWATCHED,
    VALUE,
    WATCHED,
)
from tmon_probe.child.ftp.lines import MAX_LINE
from tmon_probe.child.ftp.verbs import HAS_ARGUMENT, NAMES, VERBS

CLIENTS, SERVERS = False, True


def watched(state: tuple[int, int] = (OURS, OURS), following: tuple[int, int] = (100, 500)) -> np.ndarray:
    address, port = SERVER
    return np.array([(address >> 64, address & (1 << 64) - 1, 0, following, port, state, 0)], WATCHED)


def cut(connection: np.ndarray, *segments: Segment, room: int = 64, change=lambda batch: None, of_record: int = 0,
        every: int = 0) -> list[tuple]:
    """Tokens as (kind, value) or, with text, (kind, value, text)."""
    batch = batch_of(segments)
    change(batch)
    tokens, touched = np.full((room, TOKEN), -1, np.int64), np.zeros(len(segments), np.int32)
    slots = np.full(batch.count, of_record, np.int32)
    done, written, _ = cutting.cut(batch.records, 0, batch.count, np.uint8(1), np.uint64(1), slots, batch.lanes, batch.areas, NAMES,
                                   HAS_ARGUMENT, connection, tokens, touched, 0, 0, every)
    assert batch.count == done
    return [(t[KIND], t[VALUE], batch.areas[0, t[BEGIN] : t[END]].tobytes()) if t[END] else (t[KIND], t[VALUE])
            for t in tokens[:written].tolist()]


def command(verb: str, argument: bytes | None = None) -> tuple:
    return (COMMAND, VERBS.index(verb)) if argument is None else (COMMAND, VERBS.index(verb), argument)


def test_commands():
    """Verbs in any case, arguments where they matter, and only there."""
    octets = (b"user anna\r\nPASS hunter2\r\nACCT x\r\nSITE secret\r\nXYZZY secret\r\nRETR a  b\r\nPASV\r\n\r\nCWD\n"
              b"RETR x\rPASS y\r\n")
    assert [command("USER", b"anna"), command("PASS"), command("ACCT"), command("SITE"), command(""), command("RETR", b"a  b"),
            command("PASV", b""), command(""), command("CWD", b""), command("RETR", b"x")] == cut(
                watched(), Segment(CLIENTS, 100, octets))


def test_replies():
    """Code, whether lines follow, text; a line that begins with none is told, too."""
    octets = b"220-hello\r\n220 there\r\n226\r\n999 no\r\n22\r\n 230\r\n230x\r\n\r\n"
    assert [(REPLY, 220 + MORE, b"hello"), (REPLY, 220, b"there"), (REPLY, 226, b""), (REPLY, 0, b"no"), (REPLY, 0, b""),
            (REPLY, 0, b""), (REPLY, 0, b""), (REPLY, 0, b"")] == cut(watched(), Segment(SERVERS, 500, octets))


def test_repeated_segments():
    """What was seen makes no tokens, nor do parts of it; what is new in a segment is read."""
    connection = watched()
    noop = command("NOOP")
    assert [noop, noop] == cut(connection, Segment(CLIENTS, 100, b"NOOP\r\n"), Segment(CLIENTS, 100, b"NOOP\r\n"),
                               Segment(CLIENTS, 103, b"P\r\n"), Segment(CLIENTS, 100, b"PASS\r\nNOOP\r\n"))
    assert [OURS, 112] == [connection["state"][0, 0], connection["next"][0, 0]]


@pytest.mark.parametrize("following", [2**32 - 3, 2**32 - 6, 0])
def test_numbers_wrap(following):
    """Sequence numbers go on after 2**32 - 1 with 0."""
    connection = watched(following=(following, 0))
    segments = [Segment(CLIENTS, following + 6 * n, b"NOOP\r\n") for n in (0, 1, 0, 2)]
    assert [command("NOOP")] * 3 == cut(connection, *segments)
    assert (following + 18) % 2**32 == connection["next"][0, 0]


def test_beginnings():
    """After a SYN data begin; without one, with the first segment. A SYN later changes nothing."""
    connection = watched(following=(UNKNOWN, UNKNOWN))
    assert [command("NOOP"), (REPLY, 220, b"a")] == cut(
        connection, Segment(CLIENTS, 99, flags=SYN), Segment(CLIENTS, 100, b"NOOP\r\n"), Segment(CLIENTS, 700, flags=SYN),
        Segment(SERVERS, 500, b"220 a\r\n"))
    assert [106, 507] == connection["next"][0].tolist()


@pytest.mark.parametrize(("octets", "sequence"), [
    (b"NOOP\r\n", 101), (b"NOO", 100), (b"NOOP\r\nX", 100), (b"\xff\xf4ABOR\r\n", 100), (b"RETR\tx\r\n", 100), (b" NOOP\r\n", 100),
    (b"x" * (MAX_LINE + 1) + b"\n", 100), (b"NOOP\r", 100)])
def test_left_to_the_engine(octets, sequence):
    """Gaps, lines that are not whole, too long, or not plain: from there on the direction is the engine's, which knows what came
    next; the other stays the kernel's."""
    connection = watched()
    assert [(SEGMENT, 0), (ACKNOWLEDGED, 1), (REPLY, 220, b"a"), (SEGMENT, 0)] == cut(
        connection, Segment(CLIENTS, sequence, octets), Segment(SERVERS, 500, b"220 a\r\n", ack=100),
        Segment(CLIENTS, 100, b"NOOP\r\n"))
    assert ([ENGINES, OURS], [100, 507]) == (connection["state"][0].tolist(), connection["next"][0].tolist())


def test_longest_line():
    assert [command("")] == cut(watched(), Segment(CLIENTS, 100, b"x" * MAX_LINE + b"\n"))


def test_not_all_captured():
    """A segment whose end was cut off by the capture, or whose octets did not come along, is the engine's."""
    for captured in (0, 3, 5):
        assert [(SEGMENT, 0)] == cut(watched(), Segment(CLIENTS, 100, b"NOOP\r\n", captured=captured))
    for field, value in (("payload_at", 0), ("bytes_length", 0), ("payload_at", 41), ("bytes_offset", (1 << 16) - 45)):
        assert [(SEGMENT, 0)] == cut(watched(), Segment(CLIENTS, 100, b"NOOP\r\n"),
                                     change=lambda batch, f=field, v=value: batch.records.__setitem__(f, v))
    for lane in (-1, 1):
        assert [(SEGMENT, 0)] == cut(watched(), Segment(CLIENTS, 100, b"NOOP\r\n"),
                                     change=lambda batch, lane=lane: batch.lanes.fill(lane))


def test_whose_packets():
    """Only segments with octets, SYN, FIN or RST, of the class, the service and connections that are watched."""
    noop = Segment(CLIENTS, 100, b"NOOP\r\n")
    assert [] == cut(watched(), Segment(CLIENTS, 100, ack=500))
    for field, value in (("class_mask", 2), ("service", 2), ("flags", r.HAS_TCP), ("flags", r.SERVICE | r.QUOTED),
                         ("flags", r.SERVICE | r.FRAGMENT)):
        assert [] == cut(watched(), noop, change=lambda batch, f=field, v=value: batch.records.__setitem__(f, v))
    assert [] == cut(watched((UNWATCHED, UNWATCHED)), noop)
    assert [] == cut(watched((DEAF, DEAF)), noop)
    assert [] == cut(watched(), noop, of_record=7)
    assert [(SEGMENT, 0)] == cut(watched(), noop, of_record=-1)
    reassembled = r.SERVICE | r.FRAGMENT | r.REASSEMBLED
    assert [(SEGMENT, 0)] == cut(watched(), noop, change=lambda batch: batch.records.__setitem__("flags", reassembled))


@pytest.mark.parametrize("flag", [FIN, RST])
def test_the_client_closes(flag):
    """After what it says with it; of the server nothing is told."""
    assert [command("QUIT"), (LEFT, 0)] == cut(watched(), Segment(CLIENTS, 100, b"QUIT\r\n", flags=flag))
    assert [] == cut(watched(), Segment(SERVERS, 500, flags=flag | ACK))


def test_no_room():
    """With more lines than there is room for, segments are left to the engine: there is always room for that."""
    many = Segment(CLIENTS, 100, b"\n" * 100)
    assert [(SEGMENT, 0), (SEGMENT, 0)] == cut(watched(), many, many, room=4)
    assert 100 == len(cut(watched(), many, room=102))
    assert 1 == len(cut(watched(), many, room=101))


def test_a_token_for_every_segment():
    """If that is wished, also repeated segments and those of encrypted sessions have one, and none has more for that."""
    noop = Segment(CLIENTS, 100, b"NOOP\r\n")
    assert [command("NOOP"), (NOTHING, 0), (NOTHING, 1)] == cut(watched(), noop, noop, Segment(SERVERS, 500, flags=FIN), every=1)
    assert [(NOTHING, 0)] == cut(watched((DEAF, DEAF)), noop, every=1)
    assert [(SEGMENT, 0)] == cut(watched((ENGINES, OURS)), noop, every=1)


def test_order_of_touch():
    """Each connection once, the one that spoke last at the end; marks are taken away again."""
    connections = np.zeros(9, WATCHED)
    touched = np.array([3, 5, 3, 8, 5, 0, 0], np.int32)
    begin = cutting.keep_last(touched, 5, connections)
    assert [3, 8, 5] == touched[begin:5].tolist()
    assert not connections["marked"].any()
