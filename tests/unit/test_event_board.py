"""The board of a program's last events."""

import os
import secrets
from multiprocessing import shared_memory

import pytest

from tmon_common.event_board import ENDING, MAX_EVENTS, PLACE_OCTETS, TOLD, BoardReader, EventBoard
from tmon_common.events import VALUE_CHARACTERS, event
from tmon_common.segment import SEGMENTS, SegmentError
from tmon_common.stats import Statistics


@pytest.fixture
def board():
    name = f"trafmon-test-{secrets.token_hex(6)}"
    board = EventBoard.create(name)
    reader = BoardReader(name)
    yield board, reader
    reader.close()
    board.close()


def stopped(number, reason="asked to"):
    return event("probe_stopped", 1_000 + number, f"edge {number}", reason=reason)


def test_events_are_read_once_in_their_order(board):
    writer, reader = board
    assert ([], 0) == reader.since(0)
    told = [stopped(n) for n in range(5)]
    for e in told:
        writer.publish(e)
    found, missed = reader.since(0)
    assert [(n + 1, e.time_ns, e.severity, e.code, e.subject, e.text) for n, e in enumerate(told)] == [
        (f.sequence, f.time_ns, f.severity, f.code, f.subject, f.text) for f in found]
    assert 0 == missed
    assert ([], 0) == reader.since(5)
    writer.publish(stopped(9))
    assert [6] == [f.sequence for f in reader.since(5)[0]]


def test_what_was_overwritten_is_counted(board):
    writer, reader = board
    for n in range(MAX_EVENTS + 10):
        writer.publish(stopped(n))
    found, missed = reader.since(3)
    assert list(range(11, MAX_EVENTS + 11)) == [f.sequence for f in found]
    assert 7 == missed


def test_the_longest_event_fits(board):
    writer, reader = board
    writer.publish(event("probe_stopped", 2**62, "\N{GREEK SMALL LETTER ALPHA}" * 64, reason="\N{EURO SIGN}" * VALUE_CHARACTERS))
    (found,), _ = reader.since(0)
    assert "\N{GREEK SMALL LETTER ALPHA}" * 64 == found.subject
    assert len(found.text.encode()) < PLACE_OCTETS


def test_an_event_that_is_just_written_is_not_read(board):
    """The writer has put zero there, or another number: what was copied is of no use."""
    writer, reader = board
    writer.publish(stopped(1))
    memory = writer._memory
    at = 64 + PLACE_OCTETS
    memory.buf[at : at + 8] = bytes(8)
    assert ([], 1) == reader.since(0)


@pytest.mark.parametrize("octets", [b"", bytes(64), os.urandom(64), bytes(64 + MAX_EVENTS * PLACE_OCTETS)])
def test_a_segment_that_is_no_board(octets):
    memory = shared_memory.SharedMemory(f"trafmon-test-{secrets.token_hex(6)}", create=True, size=max(1, len(octets)))
    try:
        memory.buf[: len(octets)] = octets
        with pytest.raises(FileNotFoundError):
            BoardReader(memory.name)
    finally:
        memory.close()
        memory.unlink()


def test_random_octets_harm_nobody(board):
    writer, reader = board
    writer.publish(stopped(1))
    for _ in range(200):
        writer._memory.buf[16:] = os.urandom(len(writer._memory.buf) - 16)
        reader.since(0)
    writer._memory.buf[8:16] = (2**62).to_bytes(8, "little")
    found, missed = reader.since(5)
    assert ([], 2**62 - 5) == (found, missed)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_what_another_user_has_laid_there():
    """A board in its place is told of; what only looks like a file that belongs to it harms nobody."""
    name = f"trafmon-test-{secrets.token_hex(6)}"
    paths = [SEGMENTS / name, SEGMENTS / f"{name}{TOLD}-managers"]
    try:
        for path in paths:
            path.write_bytes(b"")
        assert 0 == as_nobody(lambda: refused(name))
        paths[0].unlink()
        assert 0 == as_nobody(lambda: EventBoard.create(name).close())
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def refused(name):
    with pytest.raises(SegmentError, match="another user's"):
        EventBoard.create(name)


def as_nobody(do):
    """Exit status of a process of another user."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            do()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_the_board_of_the_dead_is_gone_before_there_are_new_statistics():
    """Who finds a new run by its statistics would read the old board for ever."""
    name = f"trafmon-test-{secrets.token_hex(6)}"
    Statistics.create(name, ["a"]).close(in_order=False)
    left = EventBoard.create(name + ENDING)
    anew = Statistics.create(name, ["a"])
    try:
        with pytest.raises(FileNotFoundError):
            BoardReader(name + ENDING)
    finally:
        anew.close()
        left.close()
