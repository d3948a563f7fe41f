"""The analyser: what it asks for, whose round trips it tells in which interval, and what it forgets."""

from ipaddress import ip_address
from pathlib import Path

import numpy as np

from tests.pipeline_in_process import DELAYS, as_record
from tests.unit.child.round_trips.batches import batch_of
from tmon_common import events
from tmon_common.analyses.built_in import METRICS
from tmon_common.config.model import SECOND, Analysis, Configuration, GranularFlow, Interface, Probe
from tmon_common.observations import Rows
from tmon_probe import records as r
from tmon_probe.child.analysers.round_trip import RoundTrip
from tmon_probe.child.context import Context, Task
from tmon_probe.child.flows import Spec
from tmon_probe.child.round_trips.sample import ANSWERED, SAMPLE, UNANSWERED
from tmon_probe.demand import DNS, NTP, SNMP, Fragments
from tmon_probe.records import PACKET

MINUTE = 60 * SECOND
START = 1_700_000_040 * SECOND  # of an interval
CLIENT, SERVER = ip_address("10.0.0.1"), ip_address("10.0.0.2")
MAPPED = 0xFFFF << 32
STATE = np.dtype([("serial", "<i8"), ("slot", "<i4"), ("established_ns", "<i8")])
"""Of the state of a connection, what the analyser looks at."""


class FakeConnections:
    """What the tracker would have found, put there by hand."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self.listeners: list = []
        self.nothing()

    def want(self, metrics) -> None:
        self.wanted |= metrics

    def listen(self, on_ended) -> None:
        self.listeners.append(on_ended)

    def nothing(self) -> None:
        self.samples = self.samples_aged = np.zeros(0, SAMPLE)
        self.serials_aged = np.zeros(0, np.int64)
        self.opened, self.opened_by = np.zeros(0, np.int32), np.zeros(0, np.int64)
        self.from_server = np.zeros(100, np.uint8)


class World:
    """One analyser, one granular flow definition: flow entries 0, 1, ... have the numbers 1000, 1001, ..."""

    def __init__(self, metrics: str = "icmp_echo", bidirectional: bool = True, **options: str) -> None:
        options = {"metrics": metrics, "records": "yes"} | options
        analysis = Analysis("round_trip", MINUTE, DELAYS.name, tuple(options.items()))
        probe = Probe("p", (Interface("i"),), ())
        flow = GranularFlow("hosts", frozenset(("src_addr", "dst_addr")), bidirectional)
        self.connections, self._emitted = FakeConnections(), []
        context = Context(Configuration(Path("none"), (probe,), histograms=(DELAYS,)), probe, self._emitted.append,
                          shared={0: self.connections})
        self.analyser = RoundTrip([Task(0, Spec("all", 0, flow), analysis)], context)

    def process(self, *packets: tuple) -> None:
        """packets: (time, sender, flow entry, direction) or, of an echo, with (type, sequence number)."""
        records = np.zeros(len(packets), PACKET)
        for record, (time_ns, sender, _flow, _way, *echo) in zip(records, packets, strict=True):
            there = SERVER if sender == CLIENT else CLIENT
            record["time_ns"], record["class_mask"] = time_ns, 1
            record["src_lo"], record["dst_lo"] = MAPPED + int(sender), MAPPED + int(there)
            if echo:
                record["flags"], record["icmp_type"], record["icmp_seq"] = r.HAS_ICMP | r.HAS_ECHO, *echo
        flow, way = np.array([p[2] for p in packets], np.int32), np.array([p[3] for p in packets], np.uint8)
        self.analyser.process(batch_of(records, flow, way, np.arange(1000, 1010)))
        self.connections.nothing()

    def rows(self, kind: str) -> list[dict]:
        """Emitted since the last time, all of `kind`; only columns that hold something."""
        emitted: list[Rows] = [rows for rows in self._emitted if rows.kind.name == kind]
        self._emitted[:] = [rows for rows in self._emitted if rows.kind.name != kind]
        return [{k: v for k, v in as_record(rows, i).items() if v not in (None, 0)} for rows in emitted for i in range(len(rows))]


def handshake(metric: str, outcome: int, record: int, time_ns: int = START, took_ns: int = -1, *,
              by_server: bool = False) -> np.ndarray:
    sample = np.zeros(1, SAMPLE)
    sample["time_ns"], sample["round_trip_ns"], sample["outcome"], sample["record"] = time_ns, took_ns, outcome, record
    asks, answers = (SERVER, CLIENT) if by_server else (CLIENT, SERVER)
    sample["requester_lo"], sample["responder_lo"] = MAPPED + int(asks), MAPPED + int(answers)
    sample["requester_port"], sample["responder_port"] = (80, 5000) if by_server else (5000, 80)
    sample["metric"] = METRICS.index(metric)
    return sample


def test_demand():
    """Whole datagrams, and the services of the metrics that are wanted."""
    every = RoundTrip.demand(Analysis("round_trip"))
    assert (Fragments.WHOLE, {DNS, SNMP, NTP}) == (every.fragments, set(every.services))
    assert (NTP,) == RoundTrip.demand(Analysis("round_trip", options=(("metrics", "ntp tcp_data"),))).services


def test_counters_are_constant_and_alerts_are_events():
    world = World()
    names = list(world.analyser.counters())
    world.process((START, CLIENT, 0, 0, 8, 1))
    assert names == list(world.analyser.counters())
    assert set(world.analyser.alerts) <= set(names)
    assert set(world.analyser.alerts.values()) <= set(events.CATALOGUE)


def test_round_trip_counts_in_the_interval_of_its_answer():
    """Asked in one interval, answered in the next; the flow and direction are those of the request."""
    world = World()
    world.process((START - 1000, CLIENT, 3, 1, 8, 1), (START + 2000, SERVER, 3, 0, 0, 1))
    world.analyser.flush(START + MINUTE - 1)
    assert [] == world.rows("round_trip_histogram")
    world.analyser.flush(START + MINUTE)
    [row] = world.rows("round_trip_histogram")
    assert {"flow": 1003, "start": START, "end": START + MINUTE, "metric": "icmp_echo", "responder_addr": SERVER,
            "histogram": "delays", "population_rev": 1, "sum_rev": 3000, "sum_of_squares_rev": 9, "minimum_rev": 3000,
            "maximum_rev": 3000, "slice_01_rev": 1} == row
    [bucket] = world.rows("round_trip_bucket")
    assert (205, 1) == (bucket["bucket"], bucket["count_rev"])  # 1.04^204 < 3000 < 1.04^205
    [single] = world.rows("round_trip")
    assert {"flow": 1003, "time": START - 1000, "metric": "icmp_echo", "requester_addr": CLIENT, "responder_addr": SERVER,
            "identifier": 1, "round_trip": 3000, "outcome": "answered"} == single


def test_unanswered_counts_where_it_is_given_up():
    """Request and timeout later, before the rows of that interval are closed."""
    world = World(timeout="10s")
    world.process((START - 5 * SECOND, CLIENT, 0, 0, 8, 1))
    world.analyser.flush(START)
    world.analyser.flush(START + 5 * SECOND)
    assert [] == world.rows("round_trip")
    world.analyser.flush(START + MINUTE)
    assert ["unanswered"] == [row["outcome"] for row in world.rows("round_trip")]
    [row] = world.rows("round_trip_histogram")
    assert (START, 1) == (row["start"], row["unanswered"])
    assert "population" not in row
    assert 1 == world.analyser.counters()["requests_unanswered"]


def test_what_waits_at_the_end_is_unanswered_then():
    """The end of the capture is when it is given up."""
    world = World()
    world.process((START - SECOND, CLIENT, 0, 0, 8, 1), (START + SECOND, CLIENT, 0, 0, 0, 9))
    world.analyser.finish()
    [row] = world.rows("round_trip_histogram")
    assert (START, 1) == (row["start"], row["unanswered"])


def test_a_retired_flow_leaves_nothing():
    """Its requests are given up and its rows published before the entry is used again; others stay."""
    world = World()
    world.process((START, CLIENT, 0, 0, 8, 1), (START + 1, CLIENT, 1, 0, 8, 2), (START + 2, CLIENT, 2, 0, 8, 3),
                  (START + 3, SERVER, 2, 1, 0, 3))
    world.analyser.retire(np.array([0, 2], np.int32))
    assert {1000: "unanswered", 1002: "population"} == {
        row["flow"]: "unanswered" if "unanswered" in row else "population" for row in world.rows("round_trip_histogram")}
    world.process((START + 4, SERVER, 0, 1, 0, 1), (START + 5, SERVER, 1, 1, 0, 2))
    assert 1 == world.analyser.counters()["answers_unmatched"]
    world.analyser.finish()
    assert [1001] == [row["flow"] for row in world.rows("round_trip_histogram")]


def test_packet_time_of_the_next_recording():
    """An hour back: requests of the later recording are given up, and new ones are found as ever."""
    world = World()
    world.process((START, CLIENT, 0, 0, 8, 1))
    back = START - 60 * MINUTE
    world.process((back, CLIENT, 0, 0, 8, 1), (back + 5, SERVER, 0, 1, 0, 1))
    world.analyser.flush(back + SECOND)
    assert ["unanswered", "answered"] == [row["outcome"] for row in world.rows("round_trip")]


def test_tcp_samples_count_to_the_flow_of_the_answer():
    """Asked against the direction of the packet that answered; metrics that others want, and packets of no flow, do not count."""
    world = World("tcp_data tcp_handshake_server")
    assert {"tcp_data", "tcp_handshake_server"} == world.connections.wanted
    world.connections.samples = np.concatenate([
        handshake("tcp_data", ANSWERED, 0, START, 700), handshake("tcp_data", ANSWERED, 1, START, 900, by_server=True),
        handshake("tcp_timestamps", ANSWERED, 0, START, 5), handshake("tcp_handshake_server", ANSWERED, 2, START, 5)])
    world.process((START + 700, SERVER, 4, 1), (START + 900, CLIENT, 4, 0), (START, SERVER, -1, 0))
    world.analyser.finish()
    found = {str(row["responder_addr"]): {k: v for k, v in row.items() if k.startswith(("sum", "flow")) and v > 1}
             for row in world.rows("round_trip_histogram")}
    assert {"10.0.0.2": {"flow": 1004, "sum": 700}, "10.0.0.1": {"flow": 1004, "sum_rev": 900}} == found
    assert 2 == len(world.rows("round_trip"))


def test_handshake_without_answer_counts_to_the_flow_that_began_the_connection():
    """The tracker gives it up long after the SYN, without a packet: the flow is that of the SYN, the way that of who asked."""
    world = World("tcp_handshake_server tcp_handshake_client")
    world.connections.opened, world.connections.opened_by = np.array([1500, 2], np.int32), np.array([1, 0])
    world.process((START, CLIENT, 5, 0), (START + 1, CLIENT, 6, 1))
    states = np.zeros(2, STATE)
    states["serial"], states["slot"] = (9, 3), (7, 1500)
    for listener in world.connections.listeners:
        listener(states)
    world.connections.samples_aged = np.concatenate([handshake("tcp_handshake_server", UNANSWERED, -1),
                                                     handshake("tcp_handshake_client", UNANSWERED, -1, by_server=True)])
    world.connections.serials_aged = np.array([3, 3])
    world.analyser.flush(START + MINUTE)
    world.connections.nothing()
    found = [(row["flow"], row["outcome"], row["requester_addr"]) for row in world.rows("round_trip")]
    assert [(1006, "unanswered", CLIENT), (1006, "unanswered", SERVER)] == found
    world.analyser.flush(START + 2 * MINUTE)
    rows = world.rows("round_trip_histogram")
    assert {("tcp_handshake_server", START + MINUTE, "unanswered_rev"), ("tcp_handshake_client", START + MINUTE, "unanswered")} == {
        (row["metric"], row["start"], name) for row in rows for name in row if name.startswith("unanswered")}


def test_more_requests_than_allowed():
    """The oldest are forgotten, told by counter and event, and not called unanswered."""
    world = World(max_requests="1024")
    world.process(*[(START + n, CLIENT, 0, 0, 8, n) for n in range(1500)])
    counters = world.analyser.counters()
    assert counters["requests_pending"] <= 1024
    assert 1500 == counters["requests_pending"] + counters["requests_evicted"]
    assert 0 == counters["requests_unanswered"]
    assert "analysis_gave_up" == world.analyser.alerts["requests_evicted"]
