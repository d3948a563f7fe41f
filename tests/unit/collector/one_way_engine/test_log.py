"""The log of observations: what is appended is read again, whatever a kill or a full disk has left of the rest."""

from __future__ import annotations

import os

import pytest

from tmon_collector.one_way import log as module
from tmon_collector.one_way.log import BlockRecord, GapsRecord, OneWayLog, SnapshotRecord, packed_block, packed_gaps

RECORDS = [BlockRecord("a", 5, b"payload"), GapsRecord("b", 6, [("voice", 1, 2, 3, 4)]), BlockRecord("ä", 1 << 47, bytes(1400))]
PACKED = [packed_block(*RECORDS[0]), packed_gaps(*RECORDS[1]), packed_block(*RECORDS[2])]


def read(directory):
    log = OneWayLog(directory, "c")
    return log, [record for _, record in log.read()]


def test_what_is_appended_is_read(tmp_path):
    log, _ = read(tmp_path)
    log.begin({"voice": {"epoch": 1}})
    log.append(PACKED[:2])
    log.append(PACKED[2:])
    again, found = read(tmp_path)
    assert found == [SnapshotRecord({"voice": {"epoch": 1}}), *RECORDS]
    assert (again.cut, again.octets) == (0, log.octets)
    assert [p.name for p in tmp_path.iterdir()] == [".c.one_way-1.log"]
    assert read(tmp_path / "..")[1] == []


def test_any_end_is_cut(tmp_path):
    """Wherever it stopped, what is sound is read; and a next start goes on in another file."""
    log, _ = read(tmp_path)
    log.begin({})
    log.append(PACKED)
    path = log.path
    whole = path.read_bytes()
    ends = [len(whole) - sum(map(len, PACKED[n:])) for n in range(4)]
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        again, found = read(tmp_path)
        assert found[1:] == RECORDS[: max(sum(e <= end for e in ends) - 1, 0)]
        assert path.stat().st_size == again.octets <= end
    again.begin({})
    assert again.path.name == ".c.one_way-2.log"


@pytest.mark.parametrize("at", [-100, -1440])
def test_damage_hides_the_record_only(tmp_path, at):
    """What comes after it in the file, and in others, is read; it is told."""
    log, _ = read(tmp_path)
    log.begin({})
    log.append(PACKED)
    damaged = bytearray(log.path.read_bytes())
    damaged[at] ^= 1
    log.path.write_bytes(damaged)
    log.append(PACKED[:1])
    log.begin({})
    log.append(PACKED[:1])
    again, found = read(tmp_path)
    kept = RECORDS[:2] if at == -100 else RECORDS[::2]
    assert [r for r in found if not isinstance(r, SnapshotRecord)] == [*kept, RECORDS[0], RECORDS[0]]
    assert (again.cut, again.damaged) == (0, len(PACKED[2 if at == -100 else 1]))


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    log, _ = read(tmp_path)
    log.begin({})
    log.append(PACKED[:1])
    pwrite = os.pwrite

    def short(descriptor, octets, at):
        if at > 0 and len(octets) > 100:
            return pwrite(descriptor, octets[:10], at)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "pwrite", short)
    with pytest.raises(OSError, match="No space"):
        log.append(PACKED[1:])
    with pytest.raises(OSError, match="No space"):
        log.begin({})
    monkeypatch.undo()
    log.append(PACKED[2:])
    assert read(tmp_path)[1][1:] == [RECORDS[0], RECORDS[2]]


def test_files_go_when_nothing_in_them_is_needed(tmp_path):
    """From the oldest on; never the last one."""
    log, _ = read(tmp_path)
    for n in range(1, 5):
        log.begin({})
        log.holds("voice", 100 * n)
        log.holds("video", 1000 if n == 2 else 0)
    log.delete({"voice": 100, "video": 500})
    assert len(list(tmp_path.iterdir())) == 4
    log.delete({"voice": 301, "video": 500})
    assert len(list(tmp_path.iterdir())) == 3  # the second has observations of the other class
    log.delete({"voice": 301})
    assert [p.name for p in tmp_path.iterdir()] == [".c.one_way-4.log"]


def test_no_link_is_followed(tmp_path):
    (tmp_path / ".c.one_way-1.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        read(tmp_path)
