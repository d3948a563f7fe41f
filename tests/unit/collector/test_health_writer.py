"""What a collector writes of itself, without its process."""

from __future__ import annotations

import errno
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.keys import RUN, probe_session
from tests.pipeline.collector_process import CONFIGURATION
from tests.unit.collector.make import closed, pdu_of
from tmon_collector import health
from tmon_collector.collector import Collector
from tmon_collector.health_names import ALIVE, BROKEN, NEVER, SILENT
from tmon_collector.health_writer import EVERY_NS, NOT_PENDING_NS
from tmon_common.clock import FakeClock
from tmon_common.config.model import SECOND
from tmon_common.config.read import read
from tmon_common.event_board import ENDING, BoardReader
from tmon_common.observations import FLOW_DEFINITION, IP_COUNTERS, UDP_COUNTERS
from tmon_common.pdu.contents import NO_LAG, Heartbeat, pack_heartbeat
from tmon_common.pdu.header import HEARTBEAT

HERE = ("127.0.0.1", 4000)
SILENCE_NS = 3 * 30 * SECOND + 5 * SECOND


class Hands:
    """A collector of the probes `probe` and `other`, to which datagrams are handed; what others see of it."""

    def __init__(self, directory, monkeypatch):
        text = CONFIGURATION.format(spool=directory / "spool", seal="crc")
        first = text[text.index("    <probe "):text.index("  </probes>")]
        (directory / "tmon.xml").write_text(text.replace(first, first + first.replace('"probe"', '"other"')))
        self.configuration, self.clock = read(directory / "tmon.xml"), FakeClock(monotonic_ns=SECOND)
        self.collector = Collector(self.configuration, replace(self.configuration.collectors[0], port=0), self.clock,
                                   SimpleNamespace(switching=False, wait_ns=lambda: NOT_PENDING_NS))
        self._received = []
        monkeypatch.setattr(self.collector.receiver, "received", lambda: self._received)
        monkeypatch.setattr(self.collector.receiver, "send", lambda answers: None)
        self._reader = health.attach(self.configuration, "collector")
        self.board = BoardReader(self._reader.segment + ENDING)

    def round(self, *datagrams):
        """A wake-up, late enough that it writes."""
        self.clock.advance(EVERY_NS)
        self._received[:] = [(d, HERE) for d in datagrams]
        self.collector._round()
        self._received.clear()

    @property
    def numbers(self):
        return self._reader.snapshot()

    def of(self, prefix):
        return {name.removeprefix(prefix): value for name, value in self.numbers.items() if name.startswith(prefix) and value}

    def kind(self, kind):
        return self.of(f"kind_{self._reader.identity['kinds'].index(kind.name)}_")

    def close(self):
        self.collector.close()
        self._reader.close()
        self.board.close()


@pytest.fixture
def hands(tmp_path, monkeypatch):
    hands = Hands(tmp_path, monkeypatch)
    yield hands
    hands.close()


def heartbeat(sent_ns, lag_ns=NO_LAG, probe="probe", run=RUN):
    return closed(HEARTBEAT, pack_heartbeat(Heartbeat(0, 0, sent_ns, lag_ns)), probe, run)


def test_pdus_and_rows_of_each_probe_and_kind(hands):
    """Written, seen before, refused: counted for the whole, the probe and the kind."""
    again = pdu_of(0, [1, 2, 3])
    hands.round(again, pdu_of(1, [1], UDP_COUNTERS), pdu_of(0, [7], probe="other"), pdu_of(2, [1], number=999))
    hands.round(again)
    numbers = hands.numbers
    assert (5, 3, 5, 1, 1) == tuple(numbers[n] for n in ("datagrams", "pdus", "rows", "duplicates", "refused"))
    assert {"state": ALIVE, "last_heard_ns": hands.clock.wall_ns(), "run_ns": 1_700_000_000_000_000_000, "pdus": 2, "rows": 4,
            "duplicates": 1, "refused": 1} == hands.of("probe_0_")
    assert {"pdus": 1, "rows": 1} == {n: v for n, v in hands.of("probe_1_").items() if n in ("pdus", "rows")}
    octets = sum(len(line) + 1 for path in hands.collector.spool._directory.glob("ip_counters.*")
                 for line in path.read_text().splitlines()[1:])
    assert {"rows": 4, "octets": octets, "open": 1} == hands.kind(IP_COUNTERS)
    assert 1 == hands.kind(UDP_COUNTERS)["rows"]
    assert {} == hands.kind(FLOW_DEFINITION)
    hands.clock.advance(3600 * SECOND)
    hands.round()
    assert {"rows": 4, "octets": octets, "files": 1} == hands.kind(IP_COUNTERS)
    assert hands.numbers["journal_octets"] == (hands.collector.spool._directory / ".collector.journal").stat().st_size


def test_states_of_a_probe(hands):
    """Never, alive, silent, alive; broken while only what cannot be taken comes in its name."""
    def states():
        return [hands.numbers[f"probe_{n}_state"] for n in (0, 1)], [hands.numbers[f"probes_{s}"]
                                                                     for s in ("never", "alive", "silent", "broken")]
    hands.round()
    assert ([NEVER, NEVER], [2, 0, 0, 0]) == states()
    hands.round(heartbeat(0))
    assert ([ALIVE, NEVER], [1, 1, 0, 0]) == states()
    hands.clock.advance(SILENCE_NS)
    hands.round()
    assert ([SILENT, NEVER], [1, 0, 1, 0]) == states()
    sealed = probe_session("other").close(HEARTBEAT, pack_heartbeat(Heartbeat(0, 0, 0, NO_LAG)))
    hands.round(heartbeat(0), sealed)
    hands.round()
    assert ([ALIVE, BROKEN], [0, 1, 0, 1]) == states()
    assert {"rejected": 1, "state": BROKEN} == hands.of("probe_1_")
    assert {"unsealed_datagrams": 1} == hands.of("rejected_")
    hands.round(heartbeat(0, probe="other"), sealed)
    assert ALIVE == hands.numbers["probe_1_state"]
    assert 2 == hands.numbers["probe_1_rejected"] == hands.numbers["rejected"]


def test_what_is_of_nobody_is_of_no_probe(hands):
    """Noise, and probes that are not declared."""
    hands.round(b"noise", pdu_of(0, [1], probe="stranger"))
    assert {"short_datagrams": 1, "unknown_probe_datagrams": 1} == hands.of("rejected_")
    assert {} == hands.of("probe_0_")


def test_the_clock_of_a_probe(hands):
    """Its offset when it is bounded on both sides; steps, over all runs."""
    hands.round(heartbeat(hands.clock.wall_ns() - 5_000_000))
    assert 0 == hands.numbers["probe_0_clock_known"]
    hands.round(heartbeat(hands.clock.wall_ns() + EVERY_NS - 5_000_000, lag_ns=-1_000_000))  # offset from 1 ms to 5 ms
    known = hands.of("probe_0_clock_")
    assert {"known": 1, "offset_ns": 3_000_000, "uncertainty_ns": 2_000_000} == known
    hands.round(heartbeat(hands.clock.wall_ns() + EVERY_NS - 90 * SECOND, lag_ns=-88 * SECOND))
    assert {"steps": 1} == hands.of("probe_0_clock_")  # what is known begins anew
    hands.round(heartbeat(hands.clock.wall_ns() + EVERY_NS - 90 * SECOND, lag_ns=-88 * SECOND, run=RUN + (1 << 30)))
    assert {"known": 1, "offset_ns": 89 * SECOND, "uncertainty_ns": SECOND, "steps": 1} == hands.of("probe_0_clock_")


def test_it_is_not_written_at_every_wake_up(hands):
    """What came meanwhile is written soon, though nothing more comes; after that there is nothing to wake up for."""
    hands.round()
    assert NOT_PENDING_NS == hands.collector.health.wait_ns()
    hands._received[:] = [(pdu_of(0, [1]), HERE)]
    for _ in range(3):
        hands.clock.advance(EVERY_NS // 4)
        hands.collector._round()
        hands._received.clear()
    assert 0 == hands.numbers["pdus"]
    assert EVERY_NS // 4 == hands.collector.health.wait_ns()
    assert EVERY_NS / 4e9 == hands.collector._wait_s()
    hands.clock.advance(EVERY_NS // 4)
    hands.collector._round()
    assert 1 == hands.numbers["pdus"]
    assert NOT_PENDING_NS == hands.collector.health.wait_ns()


def no_room(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_seen_as_long_as_it_lasts(hands, monkeypatch):
    """With the events that tell of it; rows of its own wait."""
    with monkeypatch.context() as full:
        full.setattr("tmon_collector.journal.write_at", no_room)
        hands.round(pdu_of(0, [1]))
    seen = hands.numbers
    assert (1, 1, 1, 0) == tuple(seen[n] for n in ("in_trouble", "unwritten", "own_rows_waiting", "pdus"))
    assert seen["write_failures"] >= 1
    assert ["disk_full"] == [e.code for e in hands.board.since(0)[0]]
    hands.round(pdu_of(0, [1]))
    hands.clock.advance(SECOND)
    hands.round()
    seen = hands.numbers
    assert (0, 1, 0, 1) == tuple(seen[n] for n in ("in_trouble", "unwritten", "own_rows_waiting", "pdus"))
    assert 2 == seen["events_told"]
    assert ["disk_full", "disk_back"] == [e.code for e in hands.board.since(0)[0]]
