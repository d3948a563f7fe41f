"""The spool on a real directory."""

import errno
import logging
import os
from dataclasses import replace

import pytest

from tmon_collector import spool_file
from tmon_collector.csv_text import csv_header
from tmon_collector.mark import Mark
from tmon_collector.spool import REPEAT_TROUBLE_NS, Spool, SpoolError
from tmon_common.clock import FakeClock
from tmon_common.config.model import Collector
from tmon_common.observations import IP_COUNTERS, UDP_COUNTERS

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND  # 2023-11-14T22:13:20Z
HEADER = csv_header(IP_COUNTERS)
UMASK = os.umask(0o22)
os.umask(UMASK)


@pytest.fixture
def clock():
    return FakeClock(START)


@pytest.fixture
def parameters(tmp_path):
    return Collector("coll.1", "127.0.0.1", 0, tmp_path / "spool")


def names(parameters, pattern="*"):
    return sorted(p.name for p in parameters.spool.glob(pattern) if not p.name.startswith("."))


def test_files_appear_when_complete(parameters, clock):
    """`.part` while it is written, the final name afterwards; nothing for kinds without rows."""
    spool = Spool(parameters, clock)
    assert spool.append(IP_COUNTERS, memoryview(b"a\n"))
    assert spool.append(IP_COUNTERS, memoryview(b"b\n"))
    assert names(parameters) == ["ip_counters.coll.1.20231114T221320_000000Z.csv.part"]
    spool.close()
    assert names(parameters) == ["ip_counters.coll.1.20231114T221320_000000Z.csv"]
    assert (parameters.spool / names(parameters)[0]).read_bytes() == HEADER + b"a\nb\n"


def test_rotation_is_aligned_to_the_wall_clock(parameters, clock):
    """A file opened at 22:13:20 with a period of five minutes is complete at 22:15:00."""
    spool = Spool(parameters, clock)
    spool.append(IP_COUNTERS, memoryview(b"a\n"))
    assert spool.next_rotation() == START + 100 * SECOND
    clock.advance(99 * SECOND)
    spool.rotate()
    assert names(parameters, "*.csv") == []
    clock.advance(SECOND)
    spool.rotate()
    assert len(names(parameters, "*.csv")) == 1
    assert spool.next_rotation() is None
    spool.append(IP_COUNTERS, memoryview(b"b\n"))
    assert names(parameters, "*.part") == ["ip_counters.coll.1.20231114T221500_000000Z.csv.part"]
    spool.close()


def test_rotation_by_size(parameters, clock):
    spool = Spool(replace(parameters, rotate_octets=len(HEADER) + 3), clock)
    for line in (b"a\n", b"b\n", b"c\n", b"d\n"):
        spool.append(IP_COUNTERS, memoryview(line))
    spool.close()
    assert sorted(p.read_bytes() for p in parameters.spool.glob("*.csv")) == [HEADER + b"a\nb\n", HEADER + b"c\nd\n"]


def test_a_clock_set_back_keeps_no_file_open(parameters, clock):
    spool = Spool(parameters, clock)
    spool.append(IP_COUNTERS, memoryview(b"a\n"))
    clock.step(-3600 * SECOND)
    spool.rotate()
    assert len(names(parameters, "*.csv")) == 1
    spool.close()


def test_names_do_not_collide(parameters, clock):
    """Not even when the clock stands still."""
    for _ in range(3):
        spool = Spool(parameters, clock)
        spool.append(IP_COUNTERS, memoryview(b"a\n"))
        spool.close()
    assert [n.removeprefix("ip_counters.coll.1.20231114T221320_000000Z") for n in names(parameters)] == ["-1.csv", "-2.csv", ".csv"]


@pytest.mark.parametrize(("left", "kept"), [
    (HEADER + b"a\nb\ncut", HEADER + b"a\nb\n"),
    (HEADER + b"a\nb\n", HEADER + b"a\nb\n"),
    (HEADER + b'a\n"two\nlines"\n"cut\nin', HEADER + b'a\n"two\nlines"\n'),
    (HEADER + b'a\n"cut\n', HEADER + b"a\n"),
    (HEADER, None),
    (HEADER + b"cut", None),
    (HEADER[:10], None),
    (b"", None),
])
def test_recovery(parameters, clock, caplog, left, kept):
    """What a killed collector left is cut behind its last whole line and completed; the log says so."""
    parameters.spool.mkdir()
    (parameters.spool / "ip_counters.coll.1.20231114T000000_000000Z.csv.part").write_bytes(left)
    (parameters.spool / "ip_counters.1.20231114T000000_000000Z.csv.part").write_bytes(b"of another collector")
    Spool(parameters, clock).close()
    assert [p.read_bytes() for p in parameters.spool.glob("ip*.coll.1.*")] == [kept] * (kept is not None)
    assert (parameters.spool / "ip_counters.1.20231114T000000_000000Z.csv.part").exists()
    assert "left by a collector that was killed" in caplog.text


def test_only_the_last_directory_is_made(parameters, clock, tmp_path):
    Spool(parameters, clock).close()
    assert parameters.spool.is_dir()
    with pytest.raises(SpoolError, match="does not exist; create it"):
        Spool(replace(parameters, spool=tmp_path / "a" / "b"), clock)


def test_a_spool_that_is_a_file(parameters, clock):
    parameters.spool.write_text("")
    with pytest.raises(SpoolError, match="cannot be written"):
        Spool(parameters, clock)


def test_two_collectors_of_one_name(parameters, clock):
    """The second is refused and told who has it; another name may use the same directory."""
    spool = Spool(parameters, clock)
    with pytest.raises(SpoolError, match=rf"running already \(process {os.getpid()}\)"):
        Spool(parameters, clock)
    Spool(replace(parameters, name="another"), clock).close()
    spool.close()
    Spool(parameters, clock).close()


def test_failed_writes_leave_the_file_as_it_was(parameters, clock, caplog, monkeypatch):
    """All or nothing; said once a minute, naming the file; the end is said too; other kinds go on."""
    caplog.set_level(logging.INFO)
    spool = Spool(parameters, clock)
    assert spool.append(IP_COUNTERS, memoryview(b"a\n"))
    real, broken = os.pwrite, [True]

    def half(descriptor, data, at):
        if broken[0] and bytes(data[:1]) == b"x":
            return real(descriptor, data[:1], at)
        if broken[0] and bytes(data[:1]) == b"y":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data, at)

    monkeypatch.setattr(spool_file.os, "pwrite", half)
    for _ in range(3):
        assert not spool.append(IP_COUNTERS, memoryview(b"xyz\n"))
    assert spool.append(UDP_COUNTERS, memoryview(b"b\n"))
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert len(errors) == 1
    assert str(parameters.spool / names(parameters, "ip*")[0]) in errors[0]
    assert "free some room" in errors[0]
    assert (parameters.spool / names(parameters, "ip*")[0]).read_bytes() == HEADER + b"a\n"
    clock.advance(REPEAT_TROUBLE_NS)
    assert not spool.append(IP_COUNTERS, memoryview(b"xyz\n"))
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 2
    broken[0] = False
    assert spool.append(IP_COUNTERS, memoryview(b"xyz\n"))
    assert "can be written again" in caplog.text
    spool.close()
    assert min(p.read_bytes() for p in parameters.spool.glob("*.csv")).startswith(b"probe,run,")
    assert next(parameters.spool.glob("ip*.csv")).read_bytes() == HEADER + b"a\nxyz\n"
    assert spool.failures == {"ENOSPC": 4}


def test_a_file_that_cannot_be_begun_leaves_nothing(parameters, clock, monkeypatch):
    """Neither a `.part` without header nor one without rows."""
    spool = Spool(parameters, clock)

    def full(descriptor, data, at):
        if at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data, at)

    real = os.pwrite
    monkeypatch.setattr(spool_file.os, "pwrite", full)
    assert not spool.append(IP_COUNTERS, memoryview(b"a\n"))
    assert names(parameters) == []
    monkeypatch.undo()
    assert spool.append(IP_COUNTERS, memoryview(b"a\n"))
    spool.close()
    assert len(names(parameters, "*.csv")) == 1


def test_a_disk_full_now_and_then_is_told_once_a_minute(parameters, clock, caplog, monkeypatch):
    """The end of a trouble does not start the minute anew; an end is told of a trouble that was told."""
    caplog.set_level(logging.INFO)
    spool = Spool(parameters, clock)
    real, full = os.pwrite, [False]

    def pwrite(descriptor, data, at):
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data, at)

    monkeypatch.setattr(spool_file.os, "pwrite", pwrite)

    def told():
        return [sum(text in r.getMessage() for r in caplog.records) for text in ("cannot be written", "can be written again")]

    for minute in range(2):
        for _ in range(3):
            for full[0] in (True, False):
                assert spool.append(IP_COUNTERS, memoryview(b"a\n")) is not full[0]
                clock.advance(SECOND // 100)
        assert told() == [minute + 1, minute + 1]
        clock.advance(REPEAT_TROUBLE_NS)
    spool.close()
    assert spool.failures == {"ENOSPC": 6}


def test_the_end_of_trouble_does_not_wait_for_kinds_that_never_come_again(parameters, clock, monkeypatch):
    """A probe that went away while the disk was full must not hide that it is not any more, nor the next time it is."""
    spool = Spool(parameters, clock)
    full = [True]

    def pwrite(descriptor, data, at):
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data, at)

    real = os.pwrite
    monkeypatch.setattr(spool_file.os, "pwrite", pwrite)
    for _ in range(2):
        full[0] = True
        assert not spool.append(UDP_COUNTERS, memoryview(b"a\n"))
        full[0] = False
        assert spool.append(IP_COUNTERS, memoryview(b"a\n"))
        assert [e.code for e in spool.happened] == ["disk_full"]
        clock.advance(REPEAT_TROUBLE_NS)
        assert spool.append(IP_COUNTERS, memoryview(b"a\n"))
        assert [e.code for e in spool.happened] == ["disk_full", "disk_back"]
        spool.happened.clear()
    spool.close()


def test_links_in_the_spool_are_not_followed(parameters, clock, tmp_path, caplog):
    """Neither as lock, nor as a file left behind: what they point to stays as it is."""
    victim = tmp_path / "victim"
    victim.write_bytes(HEADER + b"a\ncut")
    parameters.spool.mkdir()
    lock = parameters.spool / ".coll.1.lock"
    lock.symlink_to(victim)
    with pytest.raises(SpoolError, match=r"\.coll\.1\.lock is a symbolic link; remove it"):
        Spool(parameters, clock)
    lock.unlink()
    part = parameters.spool / "ip_counters.coll.1.20231114T000000_000000Z.csv.part"
    part.symlink_to(victim)
    Spool(parameters, clock).close()
    assert f"{part}: left by a collector that was killed, and cannot be completed" in caplog.text
    assert part.is_symlink()
    assert victim.read_bytes() == HEADER + b"a\ncut"
    assert lock.stat().st_mode & 0o777 == 0o640 & ~UMASK


def test_a_part_file_that_is_there_already_is_not_opened(parameters, clock, tmp_path):
    """Not even as a link to nothing."""
    spool = Spool(parameters, clock)
    (parameters.spool / "ip_counters.coll.1.20231114T221320_000000Z.csv.part").symlink_to(tmp_path / "elsewhere")
    assert spool.append(IP_COUNTERS, memoryview(b"a\n"))
    spool.close()
    assert not (tmp_path / "elsewhere").exists()
    assert names(parameters, "*.csv") == ["ip_counters.coll.1.20231114T221320_000000Z-1.csv"]


def test_pieces_count_all_or_none(parameters, clock):
    """Lines that come in pieces are one record of the journal, with a mark; what fails in the midst leaves nothing."""
    spool = Spool(parameters, clock)
    marks = [Mark("voice", "ip_counters", 0, n) for n in (5, 9)]

    def broken():
        yield memoryview(b"third\n")
        raise OSError(28, "No space left on device")

    assert spool.append_pieces(IP_COUNTERS, iter([memoryview(b"first\n"), memoryview(b"second\n")]), marks[0])
    assert not spool.append_pieces(IP_COUNTERS, broken(), marks[1])
    assert spool.append_pieces(IP_COUNTERS, iter(()), marks[1])  # nothing to write
    assert dict(spool.marks) == {("voice", "ip_counters"): marks[0]}
    spool.close()
    (path,) = parameters.spool.glob("ip_counters.*.csv")
    assert path.read_bytes().splitlines()[1:] == [b"first", b"second"]


def test_marks_outlive_a_start_and_a_snapshot(parameters, clock):
    for before_ns in (5, 9):
        spool = Spool(parameters, clock)
        assert spool.record(marks=[Mark("voice", "", 0, before_ns)])
        spool.compact()
        spool.close()
    assert dict(Spool(parameters, clock).marks) == {("voice", ""): Mark("voice", "", 0, 9)}
