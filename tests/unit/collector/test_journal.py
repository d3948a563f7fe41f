"""The journal: what it says after it was cut anywhere, damaged, or could not be written."""

import errno
import os

import pytest

from tmon_collector import journal as module
from tmon_collector.journal import Journal, Record, WrittenIds, header_line, packed, parse
from tmon_collector.mark import Mark
from tmon_collector.written import FIRST_CLOCKED

HEADER_LINE = header_line("c")
RECORDS = [
    Record("a.csv.part", 100, [WrittenIds(1, 7, 3, [(0, 2), (5, 6)])]),
    Record("b.csv.part", 50, [WrittenIds(1, 7, 5, [(2, 4)]), WrittenIds(2, 8, -1, [(9, 10)])]),
    Record("a.csv.part", 170, [WrittenIds(1, 9, 0, [(0, 1)])], old=[(2, 8)]),
    Record(old=[(3, FIRST_CLOCKED + 5), (3, 9)], floors=[(3, FIRST_CLOCKED + 4)]),
]


def said(remembered):
    """All of it, to be compared."""
    return (remembered.files, {k: (r.counter, r.written.ranges()) for k, r in remembered.runs.items()},
            {p: (o.floor, o.numbers, list(o.clockless)) for p, o in remembered.old.items()})


def test_what_it_says():
    remembered, end = parse(HEADER_LINE + b"".join(map(packed, RECORDS)), HEADER_LINE)
    assert said(remembered) == (
        {"a.csv.part": 170, "b.csv.part": 50},
        {(1, 7): (5, [(0, 4), (5, 6)]), (1, 9): (0, [(0, 1)])},
        {2: (-1, [], [8]), 3: (FIRST_CLOCKED + 4, [FIRST_CLOCKED + 5], [9])})
    assert end == len(HEADER_LINE) + sum(len(packed(r)) for r in RECORDS)
    assert not remembered.damaged


def test_runs_written_last_come_last():
    """As the one silent for longest is the first to be forgotten."""
    records = [Record("a", 1, [WrittenIds(1, run, 0, [(n, n + 1)])]) for n, run in enumerate((7, 8, 9, 7))]
    remembered, _ = parse(HEADER_LINE + b"".join(map(packed, records)), HEADER_LINE)
    assert list(remembered.runs) == [(1, 8), (1, 9), (1, 7)]
    assert remembered.runs[1, 7].written.ranges() == [(0, 1), (3, 4)]


def test_marks_never_go_back():
    """Of each class and kind the latest counts; a later epoch is later, whatever its time."""
    marks = [Mark("voice", "one_way_packet", 0, 100), Mark("voice", "", 0, 100), Mark("voice", "one_way_packet", 1, 5),
             Mark("voice", "one_way_packet", 0, 700), Mark("video", "", 0, 7)]
    for given in (marks, marks[::-1]):
        remembered, _ = parse(HEADER_LINE + b"".join(packed(Record(marks=[m])) for m in given), HEADER_LINE)
        assert remembered.marks == {m[:2]: m for m in (marks[2], marks[1], marks[4])}


@pytest.mark.parametrize("tail", [b"", b"\0\0\0", b"00000000 {}", b"x\n"])
def test_torn_anywhere(tail):
    """The records that are whole count, those behind do not."""
    lines = [HEADER_LINE, *map(packed, RECORDS)]
    whole = b"".join(lines)
    for cut in range(len(HEADER_LINE), len(whole) + 1):
        sound, rest = [], cut
        for line in lines:
            if rest >= len(line):
                sound.append(line)
                rest -= len(line)
            else:
                break
        expected, expected_end = parse(b"".join(sound), HEADER_LINE)
        remembered, end = parse(whole[:cut] + tail, HEADER_LINE)
        assert (said(expected), expected_end) == (said(remembered), end)
        assert not remembered.damaged


def test_written_and_read(tmp_path):
    """By another start, which goes on behind the last sound record."""
    first = Journal(tmp_path, "c", sync=True)
    first.rewrite([])
    for record in RECORDS[:2]:
        first.append(record)
    first.close()
    with (tmp_path / ".c.journal").open("ab") as file:
        file.write(packed(RECORDS[3])[:-3] + b"\n" + packed(RECORDS[3])[:-1])
    second = Journal(tmp_path, "c", sync=False)
    assert said(second.read())[0] == {"a.csv.part": 100, "b.csv.part": 50}
    second.append(RECORDS[2])
    second.close()
    assert (tmp_path / ".c.journal").read_bytes() == HEADER_LINE + b"".join(map(packed, RECORDS[:3]))


def test_a_snapshot_takes_its_place(tmp_path):
    journal = Journal(tmp_path, "c", sync=False)
    journal.rewrite(RECORDS[:1])
    journal.rewrite(RECORDS[1:2])
    journal.append(RECORDS[2])
    journal.close()
    snapshot, _ = parse(HEADER_LINE + b"".join(map(packed, RECORDS[1:3])), HEADER_LINE)
    assert said(Journal(tmp_path, "c", sync=False).read()) == said(snapshot)
    assert [p.name for p in tmp_path.iterdir()] == [".c.journal"]


@pytest.mark.parametrize("damage", [b"something else\n", b"\0" * 50, HEADER_LINE + b"x\n" + packed(RECORDS[0]),
                                    header_line("another") + packed(RECORDS[0])])
def test_what_is_no_journal_is_kept_aside(tmp_path, damage, caplog):
    (tmp_path / ".c.journal").write_bytes(damage)
    remembered = Journal(tmp_path, "c", sync=False).read()
    assert remembered.damaged
    assert (tmp_path / ".c.journal.damaged-1").read_bytes() == damage
    assert "kept as .c.journal.damaged-1" in caplog.text


def test_killed_at_the_very_beginning(tmp_path):
    """No journal, and nobody is alarmed."""
    for end in range(len(HEADER_LINE)):
        (tmp_path / ".c.journal").write_bytes(HEADER_LINE[:end])
        assert not Journal(tmp_path, "c", sync=False).read().found
        assert not list(tmp_path.iterdir())


def test_a_record_that_cannot_be_written(tmp_path, monkeypatch):
    """Leaves the journal as it was, or none."""
    journal, real = Journal(tmp_path, "c", sync=False), os.pwrite

    def full(descriptor, data, at):
        if len(data) > 1:
            return real(descriptor, data[: len(data) // 2], at)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        journal.rewrite(RECORDS[:1])
    assert not journal.begun
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    journal.rewrite(RECORDS[:1])
    before = journal.path.read_bytes()
    monkeypatch.setattr(module.os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        journal.append(RECORDS[1])
    with pytest.raises(OSError, match="No space"):
        journal.rewrite(RECORDS)
    assert journal.path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [".c.journal"]
    monkeypatch.undo()
    journal.append(RECORDS[1])
    assert journal.path.read_bytes() == before + packed(RECORDS[1])
    journal.close()
