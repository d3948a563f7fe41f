"""The board of a program's last events."""

import os
import secrets
from multiprocessing import shared_memory

import pytest

from tmon_common.event_board import MAX_EVENTS, PLACE_OCTETS, BoardReader, EventBoard
from tmon_common.events import VALUE_CHARACTERS, event


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
