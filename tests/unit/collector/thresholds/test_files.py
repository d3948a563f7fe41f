"""What a restarted collector knows: the file of flows, that of states, and both together on a real directory."""

import json
import logging
import os

import numpy as np
import pytest

from tests.unit.collector.thresholds.make import RUN, SECOND, T0, configuration, definitions, rows_of, threshold, told
from tmon_collector import flow_file
from tmon_collector.flow_file import Definitions, FlowFile
from tmon_collector.thresholds import online
from tmon_collector.thresholds.engine import signature
from tmon_collector.thresholds.online import Thresholds
from tmon_collector.thresholds.state_file import read_state, write_state
from tmon_common.clock import FakeClock
from tmon_common.events import CATALOGUE


def written(path, *numbers, run=RUN):
    """A flow file with one record for each number."""
    file = FlowFile(path)
    list(file.read())
    for number in numbers:
        file.append(some(number, run))
    return file


def some(number, run=RUN):
    words, strings = definitions([(number, "web", number)])
    return Definitions("p1", run, words, strings)


def flows(path):
    file = FlowFile(path)
    found = [int(n) for d in file.read() for n in d.words[:, 0]]
    cut = file.cut
    file.close()
    return found, cut


# Flow file


def test_what_is_written_is_read(tmp_path):
    """Every word and string."""
    words, strings = definitions([(5, "web", 0xC0000201), (6, "rest", 2)])
    file = written(tmp_path / "f")
    file.append(Definitions('p"1ü', 77, words, strings))
    file.close()
    [found] = FlowFile(tmp_path / "f").read()
    assert ('p"1ü', 77, strings) == (found.probe, found.run_ms, found.strings)
    assert (words == found.words).all()


@pytest.mark.parametrize("sync", [False, True])
def test_on_the_disk_if_asked_for(tmp_path, monkeypatch, sync):
    """What is acknowledged because it is there must outlive the machine, where the spool does."""
    synced = []
    file = FlowFile(tmp_path / "f", sync=sync)
    monkeypatch.setattr(flow_file.os, "fsync", lambda _: synced.append((tmp_path / "f").stat().st_size))
    file.append(some(1))
    assert ([file.octets] if sync else []) == synced


def test_a_damaged_end_is_cut_off(tmp_path):
    """Cut anywhere in the last record, or with any octet of it changed: the records before stay, and appending goes on."""
    file = written(tmp_path / "f", 1)
    first = file.octets
    file.append(some(2))
    file.close()
    whole = (tmp_path / "f").read_bytes()
    spoiled = [whole[:end] for end in range(first + 1, len(whole))]
    spoiled += [whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in range(first, len(whole))]
    for octets in spoiled:
        path = tmp_path / "g"
        path.write_bytes(octets)
        assert ([1], len(octets) - first) == flows(path)
        written(path, 3).close()
        assert ([1, 3], 0) == flows(path)


def test_rubbish_is_no_flow_file(tmp_path):
    """Nothing of it is taken, whatever it says of lengths."""
    for octets in (b"x" * 1000, flow_file._HEADER.pack(b"tFl1", 1 << 31, 0), flow_file._HEADER.pack(b"tFl1", 3, 0) + b"abc"):
        (tmp_path / "f").write_bytes(octets)
        assert ([], len(octets)) == flows(tmp_path / "f")


def test_strings_that_are_not_there(tmp_path):
    """Sound by its checksum, but not by what it says."""
    written(tmp_path / "f", 1).close()
    file = written(tmp_path / "f")
    list(file.read())
    found = some(2)
    file.append(Definitions("p1", RUN, found.words, found.strings[:1]))
    file.close()
    assert [1] == flows(tmp_path / "f")[0]


def test_compaction(tmp_path, monkeypatch):
    """With what is still of use; it is due again when the file has doubled."""
    monkeypatch.setattr(flow_file, "COMPACT_FROM_OCTETS", 100)
    file = written(tmp_path / "f", *range(20))
    assert file.has_doubled
    file.compact(lambda d: d.words[:, 0] >= 15)
    assert not file.has_doubled
    file.append(some(30))
    file.close()
    assert ([15, 16, 17, 18, 19, 30], 0) == flows(tmp_path / "f")
    assert ["f"] == [p.name for p in tmp_path.iterdir()]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    """Also if a part of it was written."""
    file = written(tmp_path / "f", 1)
    write, calls = os.pwrite, []

    def full(descriptor, octets, at):
        if calls:
            raise OSError(28, "No space left on device")
        calls.append(at)
        return write(descriptor, octets[:5], at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        file.append(some(2))
    monkeypatch.undo()
    file.append(some(3))
    file.close()
    assert ([1, 3], 0) == flows(tmp_path / "f")


def test_a_link_is_not_followed(tmp_path):
    """Who may write into the spool could point it anywhere."""
    (tmp_path / "f").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic link"):
        FlowFile(tmp_path / "f")


# State file


def test_states(tmp_path):
    """What is written is read; nothing there is nothing known; anything else is told."""
    path = tmp_path / "s"
    assert {} == read_state(path)
    write_state(path, {"t p1": ["x", [[["192.0.2.1"], True, 7, None]]]})
    assert {"t p1": ["x", [[["192.0.2.1"], True, 7, None]]]} == read_state(path)
    for octets in (b"", b"{", b"[]", b'{"version":9,"series":{}}', b'{"version":1,"series":[]}', b"\xff"):
        path.write_bytes(octets)
        with pytest.raises(ValueError, match=r"."):
            read_state(path)


# Both


class Bench:
    """Thresholds in a directory, on a clock that is moved. The rows are those of probe p1."""

    def __init__(self, directory, clock=None, made=None):
        self.clock = clock or FakeClock(T0)
        self.events = []
        self.heard = {"p1": self.clock.monotonic_ns()}
        self.thresholds = Thresholds(made or configuration(threshold()), directory, self.events.append, self.clock, "c")
        self.thresholds.heard_ns = self.heard

    def give(self, kind, words, strings):
        for observer in self.thresholds.observers().get(kind, ()):
            observer(kind, words, "p1", RUN, strings)

    def play(self, interval, packets, flow=1):
        """Six seconds after the interval its row comes; then 30 s pass."""
        end_ns = T0 + (interval + 1) * 60 * SECOND
        self.advance_to(end_ns + 6 * SECOND)
        self.give("ip_counters", *rows_of("ip_counters", [{"flow": flow, "start": end_ns - 60 * SECOND, "end": end_ns,
                                                           "packets": packets}]))
        self.advance_to(end_ns + 30 * SECOND)

    def advance_to(self, wall_ns):
        while self.clock.wall_ns() < wall_ns:
            self.clock.advance(SECOND)
            self.heard["p1"] = self.clock.monotonic_ns()
            self.thresholds.tick(self.clock.wall_ns())


@pytest.mark.parametrize("killed", [False, True])
def test_a_restart_needs_nothing_from_the_probes(tmp_path, killed):
    """Neither definitions again, nor rows: what was crossed is not told again, its return is; also after kill -9."""
    bench = Bench(tmp_path)
    bench.give("flow_definition", *definitions([(1, "web", 1)]))
    bench.play(0, 10)
    bench.play(1, 900)
    assert [("crossed", 1)] == told(bench.events)
    if not killed:
        bench.thresholds.close()
    again = Bench(tmp_path, bench.clock)
    for interval in (2, 3):
        again.play(interval, 900)
    again.play(4, 10)
    assert [("back", 4)] == told(again.events)
    assert 0 == again.thresholds.statistics.rows_undefined


@pytest.mark.parametrize("state", [7, [signature(threshold()), [[[], False, 10**30, None]]]])
def test_what_is_damaged_is_told_and_left_behind(tmp_path, caplog, state):
    """The collector starts all the same."""
    (tmp_path / ".c.flows").write_bytes(b"rubbish")
    (tmp_path / ".c.thresholds").write_text(json.dumps({"version": 1, "series": {"t p1": state}}))
    with caplog.at_level(logging.WARNING):
        bench = Bench(tmp_path)
    assert "7 damaged octets" in caplog.text
    assert ".c.thresholds: damaged" in caplog.text
    bench.give("flow_definition", *definitions([(1, "web", 1)]))
    bench.play(0, 900)
    assert [("crossed", 0)] == told(bench.events)


def test_a_directory_that_cannot_be_written(tmp_path, caplog):
    """Thresholds go on without their files; it is told, and counted."""
    bench = Bench(tmp_path / "nowhere")
    bench.give("flow_definition", *definitions([(1, "web", 1)]))
    bench.play(0, 900)
    bench.thresholds.close()
    assert [("crossed", 0)] == told(bench.events)
    assert bench.thresholds.statistics.file_errors >= 2
    assert "thresholds go on" in caplog.text


def test_only_what_is_watched_is_kept(tmp_path):
    """Flows of other classes take no room in the file, nor do all flows of a probe that restarts for ever."""
    bench = Bench(tmp_path)
    empty = (tmp_path / ".c.flows").stat().st_size
    bench.give("flow_definition", *definitions([(1, "rest", 1)]))
    assert empty == (tmp_path / ".c.flows").stat().st_size
    online_file = bench.thresholds._flow_file
    words, strings = definitions([(n, "web", n) for n in range(1000)])
    for run in range(300):
        bench.thresholds.observers()["flow_definition"][0]("flow_definition", words, "p1", RUN + run, strings)
    assert online_file.octets < 4 * flow_file.COMPACT_FROM_OCTETS


def test_crossings_are_remembered_before_they_are_told(tmp_path):
    """So that a crash between the two tells nothing twice."""
    bench = Bench(tmp_path)
    seen = []
    bench.thresholds._emit = lambda event: seen.append((tmp_path / ".c.thresholds").read_text())
    bench.give("flow_definition", *definitions([(1, "web", 1)]))
    bench.play(0, 900)
    assert ["true" in text for text in seen] == [True]


def test_without_thresholds_nothing_is_observed(tmp_path):
    """And no file is made."""
    bench = Bench(tmp_path, made=configuration())
    assert ({}, None) == (bench.thresholds.observers(), bench.thresholds.next_tick())
    bench.thresholds.tick(T0)
    bench.thresholds.close()
    assert [] == list(tmp_path.iterdir())


def test_ticks_come_once_a_second(tmp_path):
    """More often does not cost more; the next one is told."""
    bench = Bench(tmp_path)
    bench.thresholds.tick(T0)
    assert T0 + online.TICK_NS == bench.thresholds.next_tick()


def test_observers_copy(tmp_path):
    """The rows are a view that is valid during the call only."""
    bench = Bench(tmp_path)
    bench.give("flow_definition", *definitions([(1, "web", 1)]))
    bench.advance_to(T0 + 66 * SECOND)
    words, strings = rows_of("ip_counters", [{"flow": 1, "start": T0, "end": T0 + 60 * SECOND, "packets": 900}])
    bench.give("ip_counters", words, strings)
    words[:] = np.iinfo(np.int64).max
    bench.advance_to(T0 + 90 * SECOND)
    assert [("crossed", 0)] == told(bench.events)
    assert {"threshold_crossed", "threshold_back"} <= set(CATALOGUE)
