"""What a spool does with the files and the journal of a collector that did not end in order."""

import errno
import os

import pytest

from tmon_collector import journal
from tmon_collector.csv_text import csv_header
from tmon_collector.journal import Record, WrittenIds, header_line, packed
from tmon_collector.spool import Recovery, Spool, SpoolError
from tmon_common.clock import FakeClock
from tmon_common.config.model import Collector
from tmon_common.observations import IP_COUNTERS, UDP_COUNTERS

HEADER = csv_header(IP_COUNTERS)
HEADER_LINE = header_line("c")
PART = "ip_counters.c.20231114T000000_000000Z.csv.part"
IDS = [WrittenIds(1, 7, 3, [(0, 2)])]


@pytest.fixture
def parameters(tmp_path):
    return Collector("c", "127.0.0.1", 0, tmp_path)


def started(parameters, part, records):
    """A spool, after a collector that left a `.part` and a journal of these records (None: no journal)."""
    (parameters.spool / PART).write_bytes(part)
    if records is not None:
        (parameters.spool / ".c.journal").write_bytes(HEADER_LINE + b"".join(records))
    return Spool(parameters, FakeClock())


def complete(parameters):
    return [f.read_bytes() for f in parameters.spool.glob("*.csv")]


def ids(spool):
    return {key: run.written.ranges() for key, run in spool.take_remembered().runs.items()}


@pytest.mark.parametrize(("part", "records", "kept", "recovery"), [
    (HEADER + b"a\nb\n", [packed(Record(PART, len(HEADER) + 2))], HEADER + b"a\n", Recovery(1, 2)),
    (HEADER + b"a\nb", [packed(Record(PART, len(HEADER) + 2))], HEADER + b"a\n", Recovery(1, 1)),
    (HEADER + b"a\n", [packed(Record(PART, len(HEADER) + 2))], HEADER + b"a\n", Recovery(1)),
    (HEADER + b"a\nb\n", [packed(Record(PART, len(HEADER) + 2)), packed(Record(PART, len(HEADER) + 4))[:-2]], HEADER + b"a\n",
     Recovery(1, 2)),
    (HEADER + b"a\nb\n", [], None, Recovery(0, len(HEADER) + 4)),
    (HEADER + b"a\nb", [packed(Record(PART, len(HEADER) + 9))], HEADER + b"a\n", Recovery(1, 1, 6)),
    (HEADER[:4], [packed(Record(PART, len(HEADER) + 2))], None, Recovery(0, 4, len(HEADER) - 2)),
    (HEADER + b"a\nb", None, HEADER + b"a\n", Recovery(1, 1)),
], ids=["rows not acknowledged", "half a row", "nothing to do", "record cut", "no record", "power loss", "power loss at the header",
        "no journal"])
def test_files_left_behind(parameters, part, records, kept, recovery):
    """What the journal counts is kept, and nothing else; without journal, and where octets are missing, every whole line."""
    spool = started(parameters, part, records)
    spool.close()
    assert complete(parameters) == [kept] * (kept is not None)
    assert spool.recovery == recovery
    assert not list(parameters.spool.glob("*.part"))


def test_octets_that_are_missing_are_told(parameters, caplog):
    started(parameters, HEADER + b"a\n", [packed(Record(PART, len(HEADER) + 9))]).close()
    assert "7 octets are missing" in caplog.text
    assert 'sync="yes"' in caplog.text


def test_a_damaged_journal(parameters, caplog):
    """Kept under another name; what its sound records say is remembered, and every whole line of files counts."""
    octets = HEADER_LINE + b"0" * 30 + b"\n" + packed(Record(PART, len(HEADER) + 2, IDS))
    (parameters.spool / ".c.journal").write_bytes(octets)
    spool = started(parameters, HEADER + b"a\nb\n", None)
    assert ids(spool) == {(1, 7): [(0, 2)]}
    spool.close()
    assert complete(parameters) == [HEADER + b"a\nb\n"]
    assert (parameters.spool / ".c.journal.damaged-1").read_bytes() == octets
    assert "kept as .c.journal.damaged-1" in caplog.text


def test_a_journal_of_another_collector(parameters):
    """Copied here: its ids are of other PDUs of the same run, and would be acknowledged unwritten. Every whole line counts."""
    (parameters.spool / ".c.journal").write_bytes(header_line("d") + packed(Record(PART.replace(".c.", ".d."), 9, IDS)))
    spool = started(parameters, HEADER + b"a\nb", None)
    assert ids(spool) == {}
    spool.close()
    assert complete(parameters) == [HEADER + b"a\n"]


def test_a_damaged_journal_on_a_full_disk(parameters, monkeypatch):
    """The journal begun later, with the first rows that can be written, holds what is remembered: a kill then forgets nothing."""
    (parameters.spool / ".c.journal").write_bytes(HEADER_LINE + b"?\n" + packed(Record(PART, len(HEADER) + 2, IDS)))
    first = started(parameters, HEADER + b"a\n", None)
    runs = first.take_remembered().runs
    first.state = lambda: [Record(runs=[WrittenIds(*key, run.counter, run.written.ranges()) for key, run in runs.items()])]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal.os, "pwrite", full)
    first.compact()
    assert not first.append(UDP_COUNTERS, memoryview(b"x\n"))
    monkeypatch.undo()
    assert first.append(UDP_COUNTERS, memoryview(b"x\n"), [WrittenIds(1, 7, 4, [(2, 3)])])
    os.close(first._lock)  # killed
    second = Spool(parameters, FakeClock())
    assert ids(second) == {(1, 7): [(0, 3)]}
    second.close()


def test_a_journal_that_is_a_link(parameters, tmp_path):
    (parameters.spool / ".c.journal").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpoolError, match="is a symbolic link; remove it"):
        Spool(parameters, FakeClock())
    Spool(Collector("d", "127.0.0.1", 0, tmp_path), FakeClock()).close()
