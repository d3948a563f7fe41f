"""Ready-made questions about round trips, connections and transfers, from files as the collector writes them."""

import io
from datetime import datetime

import pytest
from rich.console import Console

from tests.unit.store.spool_files import START, row_of, write_file
from tmon_common.log_buckets import buckets_of
from tmon_store import report_analyses as ask
from tmon_store.load import load_spool
from tmon_store.open import open_store
from trafmon.console_table import human_duration
from trafmon.summary import summarise

MS = 1_000_000
ANSWERED = [10 * MS, 20 * MS, 30 * MS, 400 * MS]
MINUTE_NS = 60 * 10**9


@pytest.fixture
def database(tmp_path, where):
    """Round trips of a server in two minutes, one of them asked from the other side; three connections, one of them not ended; two
    transfers."""
    spool = tmp_path / "spool"
    write_file(spool, "flow_definition", [row_of("flow_definition", flow=f, flow_class="all", interface="eth0") for f in (1, 2)])
    histogram = {"metric": "dns", "responder_addr": "192.0.2.53", "histogram": "d"}
    write_file(spool, "round_trip_histogram", [
        row_of("round_trip_histogram", flow=1, start=START * 10**9, **histogram, population=3, sum=60 * MS, minimum=10 * MS,
               maximum=30 * MS, unanswered=2, errors=1),
        row_of("round_trip_histogram", flow=2, start=START * 10**9 + MINUTE_NS, **histogram, population_rev=1, sum_rev=400 * MS,
               minimum_rev=400 * MS, maximum_rev=400 * MS, unanswered_rev=1),
        row_of("round_trip_histogram", flow=2, start=START * 10**9, **histogram | {"responder_addr": "192.0.2.54"}, unanswered=1)])
    buckets = buckets_of(ANSWERED).tolist()
    write_file(spool, "round_trip_bucket", [
        row_of("round_trip_bucket", flow=1 + (i == 3), start=START * 10**9 + MINUTE_NS * (i == 3), metric="dns",
               responder_addr="192.0.2.53", bucket=bucket, **{"count_rev" if i == 3 else "count": 1})
        for i, bucket in enumerate(buckets)])
    write_file(spool, "tcp_connection", [
        row_of("tcp_connection", flow=1, ended_by="fin", octets=1000, octets_rev=500, retransmitted_octets=100),
        row_of("tcp_connection", flow=1, ended_by="fin", octets=None, octets_rev=None),
        row_of("tcp_connection", flow=2, ended_by="interim", octets=7)])
    write_file(spool, "ftp_transfer", [
        row_of("ftp_transfer", flow=1, transfer=1, start=(START + 5) * 10**9, command="RETR", path="a\x1b[2J", octets=10,
               outcome="completed"),
        row_of("ftp_transfer", flow=1, transfer=2, start=START * 10**9, command="STOR", path="b", octets=2_000_000,
               duration=2 * 10**9,
               outcome="connection_lost"),
        row_of("ftp_transfer", flow=1, transfer=3, start=(START + 9) * 10**9, command="RETR", path="c", octets=None,
               outcome="refused",
               reply_code=550)])
    load_spool(spool, where)
    return where


def test_round_trips(store):
    """Both directions and all flows of a server together; percentiles within 2 %, never outside the extremes."""
    first, second = ask.round_trips(store)
    assert (first.metric, first.server, first.population, first.unanswered, first.errors) == ("dns", "192.0.2.53", 4, 3, 1)
    assert (first.minimum, first.maximum, first.mean) == (10 * MS, 400 * MS, 115 * MS)
    assert first.median == pytest.approx(20 * MS, rel=0.02)
    assert first.p95 == pytest.approx(400 * MS, rel=0.02)
    assert first.p95 <= first.maximum
    assert (second.server, second.population, second.unanswered) == ("192.0.2.54", 0, 1)
    assert (second.minimum, second.mean, second.median, second.maximum) == (None, None, None, None)
    assert len(ask.round_trips(store, 1)) == 1


def test_connections(store):
    """By their end; what is not known does not count; rows in between are none."""
    assert ask.connections(store) == [ask.Ends("probe1", "all", "fin", 2, 1500, 100)]


def test_transfers(store):
    """The largest, in order of time."""
    largest, small = ask.transfers(store, 2)
    assert (largest.path, largest.octets, largest.outcome, largest.duration) == ("b", 2_000_000, "connection_lost", 2 * 10**9)
    assert largest.start == datetime(2023, 11, 14, 22, 14)  # noqa: DTZ001
    assert small.octets == 10


def test_page(database):
    """Tables of what there is; names from the network do not drive the terminal."""
    out = io.StringIO()
    summarise(database, {}, Console(file=out, width=160))
    text = out.getvalue()
    assert "refused (550)" in text
    assert "connection lost" in text
    assert "192.0.2.53" in text
    assert "\x1b" not in text


def test_a_database_without_these_tables(database, forget):
    """Of an older version: no answer, no error."""
    forget(database, "DROP TABLE tcp_connection", "DROP TABLE ftp_transfer", "DROP TABLE round_trip_histogram_1day")
    store = open_store(database, read_only=True)
    assert ([], [], []) == (ask.round_trips(store), ask.connections(store), ask.transfers(store))
    store.close()


@pytest.mark.parametrize(("ns", "text"), [(None, "-"), (0, "0 ns"), (870_000, "870 µs"), (12_345_678, "12.3 ms"),
                         (4_564_000_000, "4.56 s"),
                                          (99_960_000, "100 ms"), (600e9, "600 s")])
def test_durations(ns, text):
    """Three digits and a unit."""
    assert text == human_duration(ns)
