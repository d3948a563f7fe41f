"""Open rows: one per flow and interval, whatever order packets come in, and closed when they should be."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import int64, njit

from tmon_common.kernels.prefetch import LINE_OCTETS
from tmon_common.observations import IP_COUNTERS, IP_SIZES, TCP_COUNTERS
from tmon_probe.child import intervals
from tmon_probe.child.intervals import END, FLOW, START, OpenRows, begin_row

SECOND = 1_000_000_000
PACKETS = IP_COUNTERS.word_of("packets")


@njit(cache=True, nogil=True)
def count_all(rows, links, row_of_flow, opened, template, flows, times, interval_ns):
    for i in range(len(flows)):
        flow, time_ns = flows[i], times[i]
        row = int64(row_of_flow[flow])
        if row < 0 or not rows[row, START] <= time_ns < rows[row, END]:
            row = begin_row(rows, links, row_of_flow, opened, template, flow, flow + 1000, time_ns, interval_ns)
        rows[row, PACKETS] += 1


def feed(opened: OpenRows, packets: list[tuple[int, int]]) -> None:
    """packets: (flow, time in ns)."""
    flows, times = (np.array(column, np.int64) for column in zip(*packets, strict=True))
    count_all(*opened.prepare(len(packets), int(flows.max()) + 1), flows, times, opened.interval_ns)


def sums(rows: np.ndarray) -> dict[tuple[int, int, int], int]:
    out = {}
    for row in rows:
        key = int(row[FLOW]), int(row[START]), int(row[END])
        out[key] = out.get(key, 0) + int(row[PACKETS])
    return out


def expected_sums(packets, interval_ns) -> dict[tuple[int, int, int], int]:
    out = {}
    for flow, time_ns in packets:
        start = time_ns // interval_ns * interval_ns
        key = flow + 1000, start, start + interval_ns
        out[key] = out.get(key, 0) + 1
    return out


def new_rows(interval_ns: int) -> OpenRows:
    return OpenRows(IP_COUNTERS, interval_ns, np.zeros(IP_COUNTERS.words, np.int64))


packets = st.lists(st.tuples(st.integers(0, 40), st.integers(-5 * SECOND, 100 * SECOND)), min_size=1, max_size=60)


@given(st.lists(st.tuples(packets, st.sampled_from(("", "until", "flows")), st.integers(0, 100 * SECOND)), max_size=6),
       st.sampled_from((1, 7, 60, 3600)), st.sampled_from((1, 3, 4096)))
def test_every_packet_is_in_one_row_of_its_interval(steps, seconds, portion):
    """Rows closed by time, by flow and at the end add up to what was fed in; an interval has one open row a flow.

    That holds with portions of any size.
    """
    with patch.object(intervals, "_PORTION", portion):
        check_rows(steps, seconds)


def check_rows(steps, seconds) -> None:
    opened, rows, fed = new_rows(seconds * SECOND), [], []
    for batch, action, now_ns in steps:
        fed += batch
        feed(opened, batch)
        if action == "until":
            closed = opened.close_until(now_ns)
            assert (closed[:, END] <= now_ns).all()
            rows.append(closed)
        elif action == "flows":
            chosen = np.array(sorted({flow for flow, _ in batch[::2]}), np.int32)
            closed = opened.close_flows(chosen)
            assert set(closed[:, FLOW] - 1000) == set(chosen.tolist())
            assert not set(opened.rows[: opened.count[0], FLOW] - 1000) & set(chosen.tolist())
            rows.append(closed)
        live = opened.rows[: opened.count[0]]
        assert len(live) == len({(row[FLOW], row[START]) for row in live.tolist()})
        for flow in set(live[:, FLOW].tolist()):
            newest = live[opened.row_of_flow[flow - 1000]]
            assert flow == newest[FLOW]
            assert live[live[:, FLOW] == flow, START].max() == newest[START]
    rows.append(opened.close_all())
    assert opened.count[0] == 0
    assert (opened.row_of_flow == -1).all()
    assert expected_sums(fed, opened.interval_ns) == sums(np.concatenate(rows))


def test_close_until_closes_what_has_ended():
    """Intervals that ended at or before now, and no other; time may also go back."""
    opened = new_rows(10 * SECOND)
    feed(opened, [(0, 5 * SECOND), (1, 12 * SECOND), (2, 29 * SECOND)])
    closed = [opened.close_until(now * SECOND)[:, FLOW].tolist() for now in (9, 10, 19, 25, 3, 29, 30)]
    assert [[], [1000], [], [1001], [], [], [1002]] == closed


def test_rows_are_closed_in_portions():
    """None larger than the processor's cache would like, and all of them."""
    opened = new_rows(SECOND)
    feed(opened, [(i, i % 2 * SECOND) for i in range(20_000)])
    portions = [portion[:, START].tolist() for portion in opened.closing(SECOND)]
    assert max(map(len, portions)) <= 4096
    assert [0] * 10_000 == [start for portion in portions for start in portion]
    assert 10_000 == sum(map(len, opened.closing_all()))


@pytest.mark.parametrize("count", [1023, 1024, 1025, 5000])
def test_rows_grow(count):
    opened = new_rows(SECOND)
    feed(opened, [(i, 0) for i in range(count)])
    feed(opened, [(i, SECOND) for i in range(count)])
    assert len(opened.close_until(SECOND)) == count
    assert len(opened.close_all()) == count


def test_packets_out_of_order_share_the_row_of_their_interval():
    """However intervals alternate, each has one row as long as time has not passed it."""
    opened = new_rows(SECOND)
    feed(opened, [(0, t * SECOND) for t in (5, 4, 5, 3, 4, 6, 5, 3)])
    rows = opened.close_all()
    assert [(3, 2), (4, 2), (5, 3), (6, 1)] == sorted((row[START] // SECOND, row[PACKETS]) for row in rows.tolist())


def test_unknown_flows_close_nothing():
    opened = new_rows(SECOND)
    feed(opened, [(0, 0)])
    assert len(opened.close_flows(np.array([5000], np.int32))) == 0


@pytest.mark.parametrize("kind", [IP_COUNTERS, IP_SIZES, TCP_COUNTERS], ids=lambda k: k.name)
def test_a_row_begins_a_cache_line(kind):
    """The start of the interval, with the first counters behind it, on one line; rows are given without what fills them up."""
    opened = OpenRows(kind, SECOND, np.arange(kind.words))
    for count in (1, 5000):
        opened.prepare(count, 1)
        assert {0} == {opened.rows[row, START:].ctypes.data % LINE_OCTETS for row in (0, 1, count - 1)}
    feed(opened, [(0, 0)])
    row = opened.close_all()
    assert (1, kind.words) == row.shape
    assert row[0, PACKETS + 1 :].tolist() == list(range(PACKETS + 1, kind.words))
