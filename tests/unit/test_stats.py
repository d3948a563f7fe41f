"""Statistics in shared memory: one writer at a time, readers see whole blocks or none, the dead are no obstacle."""

import os
import random
import secrets
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tmon_common.stats import MAX_COUNTERS, NAME_OCTETS, Statistics

NAMES = ("first", "second")


@pytest.fixture
def segment():
    name = f"trafmon-test-{secrets.token_hex(6)}"
    yield name
    Path("/dev/shm", name).unlink(missing_ok=True)


def test_readers_see_what_the_writer_writes(segment):
    writer, reader = Statistics.create(segment, NAMES), Statistics.attach(segment)
    writer.numbers[writer.index["second"]] = -7
    assert reader.snapshot() == {"first": 0, "second": -7}
    writer.close()
    assert not Path("/dev/shm", segment).exists()
    assert reader.snapshot() == {"first": 0, "second": -7}
    reader.close()
    with pytest.raises(FileNotFoundError):
        Statistics.attach(segment)


def test_a_second_writer_is_refused_and_a_reader_removes_nothing(segment):
    writer = Statistics.create(segment, NAMES)
    Statistics.attach(segment).close()
    with pytest.raises(FileExistsError):
        Statistics.create(segment, NAMES)
    assert writer.snapshot() == dict.fromkeys(NAMES, 0)
    writer.close()


@pytest.mark.parametrize("octets", [b"", bytes(14400), b"x" * 14400])
def test_what_is_only_being_made_cannot_be_read_and_what_was_never_finished_is_replaced(segment, octets):
    """A writer killed before the block had its size or its header, or something else of that name."""
    Path("/dev/shm", segment).write_bytes(octets)
    with pytest.raises(FileNotFoundError):
        Statistics.attach(segment)
    writer = Statistics.create(segment, NAMES)
    reader = Statistics.attach(segment)
    assert reader.names == NAMES
    reader.close()
    writer.close()


def test_the_block_of_a_killed_process_is_replaced(segment):
    program = ("import os; from tmon_common.stats import Statistics\n"
               f"Statistics.create({segment!r}, ('old',))\n"
               "os.kill(os.getpid(), 9)")
    subprocess.run([sys.executable, "-c", program], check=False, cwd=Path(__file__).parents[2])
    assert Path("/dev/shm", segment).exists()
    writer = Statistics.create(segment, NAMES)
    assert writer.snapshot() == dict.fromkeys(NAMES, 0)
    writer.close()


def test_a_run_that_did_not_end_in_order_is_told_to_the_next(segment):
    """Its text; not that of one that did, nor of what never was a block."""
    first = Statistics.create(segment, NAMES, "the first")
    assert first.replaced is None
    first.close()
    second = Statistics.create(segment, NAMES, "the second")
    assert second.replaced is None
    second.close(in_order=False)
    third = Statistics.create(segment, NAMES)
    assert third.replaced == "the second"
    third.close()
    Path("/dev/shm", segment).write_bytes(b"x" * 14400)
    fourth = Statistics.create(segment, NAMES)
    assert fourth.replaced is None
    fourth.close()
    assert not Path("/dev/shm", segment).exists()


def test_too_many_counters():
    with pytest.raises(ValueError, match=f"at most {MAX_COUNTERS}"):
        Statistics.create(f"trafmon-test-{os.getpid()}", tuple(map(str, range(MAX_COUNTERS + 1))))


def test_names_that_do_not_fit():
    with pytest.raises(ValueError, match=f"at most {NAME_OCTETS}"):
        Statistics.create(f"trafmon-test-{os.getpid()}", ("x" * (NAME_OCTETS + 1),))


def test_the_text_and_the_places_that_are_not_used(segment):
    """The text comes back; names of full length do; an empty name is a place nobody sees."""
    long = "x" * NAME_OCTETS
    writer = Statistics.create(segment, ("a", "", long), "whose: ü")
    writer.numbers[:] = 1, 2, 3
    reader = Statistics.attach(segment)
    assert reader.text == "whose: ü"
    assert reader.snapshot() == writer.snapshot() == {"a": 1, long: 3}
    reader.close()
    writer.close()


def test_the_end_of_a_writer_is_seen(segment):
    """Removed in order, or killed: while a process that it forked lives, it has not ended. Looking does not keep the next away."""
    program = ("import os, sys\n"
               "from tmon_common.stats import Statistics\n"
               f"block = Statistics.create({segment!r}, ('old',))\n"
               "child = os.fork()\n"
               "if not child: sys.stdin.read(); os._exit(0)\n"
               "print(flush=True); os.kill(os.getpid(), 9)")
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               cwd=Path(__file__).parents[2])
    process.stdout.readline()
    process.wait()
    reader = Statistics.attach(segment)
    assert not reader.ended
    process.stdin.close()  # the forked one ends
    process.stdout.read()
    limit = time.monotonic() + 10
    while not reader.ended:
        assert time.monotonic() < limit
    writer = Statistics.create(segment, NAMES)
    assert reader.ended
    after = Statistics.attach(segment)
    assert not after.ended
    writer.close()
    assert after.ended
    after.close()
    reader.close()


def test_a_removed_segment_has_ended(segment):
    """Whoever still holds it."""
    writer = Statistics.create(segment, NAMES)
    reader = Statistics.attach(segment)
    Path("/dev/shm", segment).unlink()
    assert reader.ended
    writer.close()
    reader.close()


def test_a_segment_that_lies(segment):
    """Any header, any length: refused or read, without a crash and without more memory than there is."""
    generator = random.Random(1)
    header = struct.pack("<qqq", 0x7472666D53544132, 2, 3)
    good = header.ljust(64, b"\0") + b"a".ljust(64, b"\0") + b"b".ljust(64, b"\0") + struct.pack("<qq", 1, 2) + b"{x}"
    for _ in range(500):
        octets = bytearray(good)
        for _ in range(generator.randint(0, 3)):
            octets[generator.randrange(24 if generator.random() < 0.7 else len(octets))] = generator.choice((0, 1, 2, 127, 255))
        Path("/dev/shm", segment).write_bytes(octets[: generator.choice((len(octets), generator.randrange(len(octets))))])
        try:
            reader = Statistics.attach(segment)
        except FileNotFoundError:
            continue
        Path("/dev/shm", segment).write_bytes(b"")  # cut while it is open
        assert set(reader.snapshot().values()) <= {0}
        reader.close()


def test_a_segment_that_is_no_file(segment):
    """A pipe, a link to elsewhere: not opened, not waited for."""
    path = Path("/dev/shm", segment)
    os.mkfifo(path)
    with pytest.raises(FileNotFoundError):
        Statistics.attach(segment)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(FileNotFoundError):
        Statistics.attach(segment)
