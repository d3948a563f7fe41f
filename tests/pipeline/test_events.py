"""Events on their way from a probe to a database, through the programs."""

import csv
import time

import pytest

from tests.pipeline.collector_process import LIMIT_S, CollectorProcess
from tests.unit.store.spool_files import ask
from tmon_common.clock import SystemClock
from tmon_common.config.model import Publication as Parameters
from tmon_common.events import event
from tmon_common.observations import EVENT
from tmon_probe.child.events import EventRows
from tmon_probe.publish.publication import Publication
from tmon_store.load import load_spool
from tmon_store.open import open_store
from tmon_store.report import warnings

START = 1_700_000_000_123_456_789
EVENTS = [
    event("probe_started", START, "probe", version="0.1", interfaces=2),
    event("kernel_drops", START + 10**9, "lan", packets=1_234_567, seconds=60),
    event("kernel_drops", START + 2 * 10**9, "lan", packets=2, seconds=60),
    event("device_lost", START + 3 * 10**9, "a, \"b\" ü", device="x" * 500, why="it's gone,\nand 'more'; DROP TABLE event; --"),
    event("father_lost", START + 4 * 10**9),
]


@pytest.mark.parametrize("max_pdu", [200, 1400])
def test_an_event_arrives_in_the_database(tmp_path, max_pdu):
    """Every column as it was told, though text and details are full of commas and quotes, and longer than a PDU should be."""
    with CollectorProcess(tmp_path) as collector:
        parameters = Parameters("collector", "127.0.0.1", collector.port, max_pdu_octets=max_pdu)
        publication = Publication([parameters], "probe", 5 << 16, None, SystemClock())
        rows = EventRows("host1", lambda rows: publication.add(rows, time.monotonic_ns()))
        rows.publish(EVENTS, "father")
        publication.flush(time.monotonic_ns())
        limit = time.monotonic() + LIMIT_S
        while not publication.idle:
            publication.poll()
            assert time.monotonic() < limit
        publication.close()
        assert collector.stop() == 0, collector.messages
        [path] = collector.files("event.*.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    own = [r["code"] for r in rows if r["component"] == "collector"]
    assert own == ["collector_started", "collector_stopped"]
    found = [r for r in rows if r["component"] != "collector"]
    found.sort(key=lambda r: float(r["time"]))  # warnings leave in PDUs of their own
    assert [*found[0]] == list(EVENT.header)
    assert [(r["code"], r["subject"], r["text"], r["severity"]) for r in found] == [
        (e.code, e.subject, e.text, e.severity.value) for e in EVENTS]

    database = tmp_path / "t.duckdb"
    report = load_spool(collector.spool, database)
    assert (report.rows, report.rejected, report.warnings) == (len(EVENTS) + len(own), 0, [])
    columns = "probe, run, epoch_ns(time), component, host, severity, code, subject, text"
    assert ask(database, f"SELECT {columns} FROM event WHERE component <> 'collector' ORDER BY time") == [
        ("probe", 5, e.time_ns, "father", "host1", e.severity.value, e.code, e.subject or None, e.text) for e in EVENTS]
    assert ask(database, "SELECT subject, sum((details->>'packets')::BIGINT) FROM event WHERE code = 'kernel_drops' GROUP BY ALL"
               ) == [("lan", 1_234_569)]
    assert ask(database, "SELECT details->>'why' FROM event WHERE code = 'device_lost'") == [(dict(EVENTS[3].values)["why"],)]
    assert load_spool(collector.spool, database).rows == 0  # each file once
    store = open_store(database, read_only=True)
    try:
        assert [w.text for w in warnings(store)] == [e.text for e in EVENTS[1:]]
        assert [w.text for w in warnings(store, 2)] == [e.text for e in EVENTS[3:]]
    finally:
        store.close()
