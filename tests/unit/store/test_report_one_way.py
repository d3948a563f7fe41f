"""Ready-made questions about one-way measurement, from files as the collector writes them; the file of all packets."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.oracles.one_way_packets import Followed, read_packets
from tests.unit.store.spool_files import START, row_of, write_file
from tmon_common.log_buckets import buckets_of
from tmon_store import report_one_way as ask
from tmon_store.errors import StoreError
from tmon_store.load import load_spool
from tmon_store.one_way_file import write_packets
from tmon_store.open import open_store
from trafmon.summary import summarise
from trafmon.summary_one_way import hints, signed_duration, summarise_one_way

MS = 1_000_000
START_NS = START * 10**9
MINUTE_NS = 60 * 10**9
DELAYS = {1: [10 * MS, 20 * MS, 30 * MS, 400 * MS], 2: [-5 * MS, -4 * MS, 3 * MS]}
"""Of flow 1 from west to east, of flow 2 from east to west."""
ENDS = {1: ("192.0.2.1", "198.51.100.1", 1000, 53), 2: ("198.51.100.1", "192.0.2.1", 53, 1000),
        3: ("192.0.2.1", "198.51.100.1", 1000, 53)}
"""Flow 3 is flow 1 as another probe numbers it."""


def bucket_of(delay: int) -> int:
    return int(buckets_of([abs(delay)])[0]) if delay >= 0 else -1 - int(buckets_of([-delay])[0])


@pytest.fixture
def database(tmp_path, where):
    spool = tmp_path / "spool"
    write_file(spool, "flow_definition", [
        row_of("flow_definition", flow=f, flow_class="packets", protocol=17, src_addr=src, dst_addr=dst, src_port=sport,
               dst_port=dport) for f, (src, dst, sport, dport) in ENDS.items()])
    pairs = {1: ("west", "east"), 2: ("east", "west")}
    write_file(spool, "one_way_delay_histogram", [
        row_of("one_way_delay_histogram", flow=f, start=START_NS, from_hop=pairs[f][0], to_hop=pairs[f][1], histogram="h",
               population=len(d), sum=sum(d), minimum=min(d), maximum=max(d), negative=sum(x < 0 for x in d))
        for f, d in DELAYS.items()])
    write_file(spool, "one_way_delay_bucket", [
        row_of("one_way_delay_bucket", flow=f, start=START_NS, from_hop=pairs[f][0], to_hop=pairs[f][1], bucket=bucket_of(delay),
               count=1) for f, d in DELAYS.items() for delay in d])
    write_file(spool, "one_way_counters", [
        row_of("one_way_counters", flow=1, start=START_NS, packets=6, complete=4, lost=2, lost_after_01=2, duplicates=3,
               reordered=1),
        row_of("one_way_counters", flow=2, start=START_NS, packets=4, complete=3, lost=1, lost_after_02=1),
        row_of("one_way_counters", flow=3, start=START_NS + MINUTE_NS, packets=1, missed=1)])
    offsets = [(-30, 10), (-20, 15)]
    write_file(spool, "clock_offset", [
        row_of("clock_offset", start=START_NS + i * MINUTE_NS, end=START_NS + (i + 1) * MINUTE_NS, from_probe="west",
               to_probe="east", offset_low=low * MS, offset_high=high * MS) for i, (low, high) in enumerate(offsets)])
    at = START_NS + 123
    write_file(spool, "one_way_packet", [
        row_of("one_way_packet", flow=2, time=at + 5, signature=7, octets=40, verdict="complete", one_way_delay=-1_000_000_005,
               time_at_01=at, time_at_02=at + 1_000_000_005),
        row_of("one_way_packet", flow=1, time=at, signature=9, octets=None, verdict="lost", lost_after=1, time_at_01=at,
               time_at_02=None)])
    load_spool(spool, where)
    return where


def test_fates_of_a_class(store):
    """All flows and intervals together."""
    assert list(ask.fates(store)) == ["packets"]
    fates = ask.fates(store)["packets"]
    assert (fates.packets, fates.complete, fates.lost, fates.missed, fates.duplicates, fates.reordered) == (11, 7, 3, 1, 3, 1)
    assert (2, 1, 0, 0, 0, 0, 0, 0) == fates.lost_after


def test_delays_of_a_pair_of_hops(store):
    """Percentiles within 2 %, within the extremes, of negative delays too."""
    delays = ask.delays(store)
    there, back = delays["packets", ("west", "east")], delays["packets", ("east", "west")]
    assert (4, 10 * MS, 400 * MS, 115 * MS, 0) == (there.population, there.minimum, there.maximum, there.mean, there.negative)
    assert there.percentiles == pytest.approx((20 * MS, 400 * MS, 400 * MS), rel=0.02)
    assert (3, -5 * MS, 3 * MS, -2 * MS, 2) == (back.population, back.minimum, back.maximum, back.mean, back.negative)
    assert back.percentiles == pytest.approx((-4 * MS, 3 * MS, 3 * MS), rel=0.02)
    assert all(d.minimum <= p <= d.maximum for d in delays.values() for p in d.percentiles)


def test_flows_are_told_by_what_they_are(store):
    """What two probes number is one flow; each direction is one of its own."""
    first, second = ask.flows(store)
    assert (first.src_addr, first.dst_port, first.fates.packets, first.fates.missed) == ("192.0.2.1", 53, 7, 1)
    assert (second.src_addr, second.fates.packets, second.fates.lost_after[1]) == ("198.51.100.1", 4, 1)
    assert {("west", "east")} == first.delays.keys()
    assert 3 == second.delays["east", "west"].population
    assert [first] == ask.flows(store, 1)


def test_clocks(store):
    """The narrowest bounds of all intervals hold one offset."""
    assert [ask.Clocks("west", "east", -20 * MS, 10 * MS, True)] == ask.clocks(store)
    assert (-5 * MS, 15 * MS) == (ask.clocks(store)[0].offset, ask.clocks(store)[0].bound)


def test_clocks_that_drift(tmp_path, where):
    """No offset fits all intervals: the extremes are told."""
    write_file(tmp_path, "clock_offset", [
        row_of("clock_offset", start=START_NS + i, end=START_NS + i + 1, from_probe="a", to_probe="b", offset_low=low,
               offset_high=high)
        for i, (low, high) in enumerate([(0, 10), (20, 30), (None, 90)])])
    load_spool(tmp_path, where)
    store = open_store(where, read_only=True)
    assert [ask.Clocks("a", "b", 0, 90, False)] == ask.clocks(store)
    store.close()


@pytest.mark.parametrize("where", ["duckdb"], indirect=True)
def test_file_of_all_packets(database, tmp_path):
    """In order of time; nine decimals, also below zero; what is not known is empty."""
    assert 2 == write_packets(database, tmp_path / "p.csv", 2)
    at = START_NS + 123
    flow = {f: tuple(map(str, (src, dst, 17, sport, dport))) for f, (src, dst, sport, dport) in ENDS.items()}
    assert read_packets(tmp_path / "p.csv") == [
        Followed(flow[1], None, (at, None), "lost", 1, None),
        Followed(flow[2], 40, (at, at + 1_000_000_005), "complete", 0, -1_000_000_005)]
    with pytest.raises(StoreError, match=r"^/dev/full: cannot be written: No space left on device$"):
        write_packets(database, Path("/dev/full"), 2)
    with pytest.raises(StoreError, match="cannot be written"):
        write_packets(database, tmp_path / "nowhere" / "p.csv", 2)


def test_summary_of_the_command(database):
    """Fates, delays there and back, clocks, flows with their losses by name."""
    out = io.StringIO()
    summarise_one_way(database, ["west", "east"], {"database": database}, Console(file=out, width=150))
    text = out.getvalue()
    for part in ("11", "27.3 %", "udp 192.0.2.1:1000 → 198.51.100.1:53", "west: 2", "east: 1", "-5.00 ms", "15.0 ms",
                 database.name if isinstance(database, Path) else database.database):
        assert part in text, part
    assert text.index("west  east") < text.index("east  west")


def test_show_tells_of_it(database):
    """As part of everything."""
    out = io.StringIO()
    summarise(database, {}, Console(file=out, width=150))
    assert "Packets followed" in out.getvalue()
    assert "hop 1: 2" in out.getvalue()


def test_a_database_of_an_older_version(where):
    """It has none of these tables."""
    store = open_store(where)
    assert ({}, {}, [], []) == (ask.fates(store), ask.delays(store), ask.flows(store), ask.clocks(store))
    store.close()


def test_hints(database, tmp_path):
    """Given when most packets were seen in one place only."""
    assert [] == hints(database)
    write_file(tmp_path / "s", "flow_definition", [row_of("flow_definition", flow=1, flow_class="packets")])
    write_file(tmp_path / "s", "one_way_counters", [row_of("one_way_counters", flow=1, packets=10, complete=4, lost=3, missed=3)])
    load_spool(tmp_path / "s", tmp_path / "h.duckdb")
    assert "60.0 %" in hints(tmp_path / "h.duckdb")[0]
    assert ["give --nat"] == hints(tmp_path / "h.duckdb", lambda: ["give --nat"]), "what was found out, in place of questions"


@pytest.mark.parametrize(("ns", "text"), [
    (-1_500_000, "-1.50 ms"), (0, "0 ns"), (-0.5, "0 ns"), (-1.6, "-2 ns"), (None, "-"), (2e9, "2.00 s")])
def test_signed_duration(ns, text):
    assert text == signed_duration(ns)
