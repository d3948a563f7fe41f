"""Statistics in shared memory: one writer at a time, readers see whole blocks or none, the dead are no obstacle."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tmon_common.stats import MAX_COUNTERS, Statistics

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
    program = ("import os, sys; from multiprocessing import resource_tracker; from tmon_common.stats import Statistics\n"
               f"Statistics.create({segment!r}, ('old',))\n"
               f"resource_tracker.unregister('/{segment}', 'shared_memory')\n"
               "os.kill(os.getpid(), 9)")
    subprocess.run([sys.executable, "-c", program], check=False, cwd=Path(__file__).parents[2])
    assert Path("/dev/shm", segment).exists()
    writer = Statistics.create(segment, NAMES)
    assert writer.snapshot() == dict.fromkeys(NAMES, 0)
    writer.close()


def test_too_many_counters():
    with pytest.raises(ValueError, match=f"at most {MAX_COUNTERS}"):
        Statistics.create(f"trafmon-test-{os.getpid()}", tuple(map(str, range(MAX_COUNTERS + 1))))
