"""Which share of its time a flow has errors."""

from datetime import UTC, datetime

import pytest

from tests.unit.store.spool_files import START, row_of, write_file
from tmon_store.load import load_spool
from tmon_store.open import open_store
from tmon_store.questions import QUESTIONS, errors
from tmon_store.questions.ask import Wishes, ask


@pytest.fixture
def store(tmp_path):
    """Three flows that had packets in ten minutes, each with one ICMP error; of the third, which is the first anew, in another."""
    spool = tmp_path / "spool"
    write_file(spool, "flow_definition", [row_of("flow_definition", flow=n, src_port=port) for n, port in ((1, 7), (2, 8), (3, 7))])
    write_file(spool, "ip_counters", [row_of("ip_counters", flow=n, packets=1, start=(START + 60 * minute) * 10**9)
                                      for n in (1, 2) for minute in range(10)])
    write_file(spool, "icmp_counters", [
        row_of("icmp_counters", flow=n, messages=1, time_exceeded=1, start=(START + 60 * at) * 10**9)
        for n, at in ((1, 3), (2, 5), (3, 12))])
    load_spool(spool, tmp_path / "t.duckdb")
    store = open_store(tmp_path / "t.duckdb", read_only=True)
    yield store
    store.close()


@pytest.mark.parametrize("named", [0, errors.MAX_NAMED])
def test_intervals_are_those_in_which_the_flow_had_packets(store, monkeypatch, named):
    """Not those in which its ICMP messages were counted: one error in a day is not all the time."""
    monkeypatch.setattr(errors, "MAX_NAMED", named)
    now = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    answer = ask(store, QUESTIONS["flow-errors"], Wishes(by="1min"), now)
    names = [c.name for c in answer.question.columns]
    rows = [dict(zip(names, row, strict=True)) for row in answer.rows]
    assert [(7, 2, 11, 2, "intermittent"), (8, 1, 10, 1, "once")] == [
        tuple(row[n] for n in ("src_port", "count", "intervals", "affected", "course")) for row in rows]
    assert 2 / 11 == rows[0]["affected_share"]
