"""`trafmon one-way` on the recorded demo, packet by packet, on every flow."""

import duckdb
import pytest

from tests.oracles import one_way_contents, one_way_link, tshark
from tests.oracles.demo_link import DEMO, SIDES
from tests.oracles.one_way_packets import Followed, difference, read_packets
from tests.pipeline.one_way_run import (
    by_flow,
    counters,
    distributions,
    expected_counters,
    expected_distributions,
    one_way,
    rows,
)

CAPTURES = [DEMO / f"{side}.pcap" for side in SIDES]
MAX_TRANSIT_NS = 2 * 10**9
PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    result = one_way(*CAPTURES, "--out", out, "--packets", out / "packets.csv", "--top", 300)
    assert 0 == result.returncode, result.stderr
    [warning] = result.stderr.splitlines()
    assert "datagrams_incomplete: 2 " in warning  # of two that left west in fragments, some were lost
    (out / "shown").write_text(result.stdout)
    return out


@pytest.fixture(scope="module")
def found(demo) -> list[Followed]:
    return read_packets(demo / "packets.csv")


def back(flow: tuple) -> bool:
    """From east to west."""
    return not any(one_way_link.forward(p) for p in by_flow(one_way_link.followed())[flow])


@pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)
def test_both_truths_agree():
    """What the emulator logged, and what full contents tell: the same packets, times, losses and copies."""
    by_contents, copies = one_way_contents.followed(*CAPTURES, MAX_TRANSIT_NS)
    assert ([], []) == difference(one_way_link.followed(), by_contents)
    assert one_way_link.duplicated() == copies > 0


def test_every_packet_of_every_flow(found):
    """Flow, octets, both times, the delay to the nanosecond, verdict: those of the log. Only what was dropped is lost."""
    assert ([], []) == difference(one_way_link.followed(), found)
    assert {"complete", "lost"} == {p.verdict for p in found}


def test_packets_are_in_order_of_time(found):
    """By the time at the first place that saw them."""
    times = [min(t for t in p.times_ns if t is not None) for p in found]
    assert sorted(times) == times


def test_counters_of_every_flow(demo):
    """Verdicts, octets, losses by place, reordering."""
    assert expected_counters(one_way_link.followed(), back) == counters(demo)
    assert one_way_link.duplicated() == sum(int(r["duplicates"]) for r in rows(demo, "one_way_counters"))
    assert one_way_link.duplicated() == sum(int(r["duplicated"]) for r in rows(demo, "one_way_counters"))
    assert sum(int(r["reordered"]) for r in rows(demo, "one_way_counters")) > 5


def test_distribution_of_every_flow(demo):
    """Population, sum and extremes, in the direction in which the flow goes."""
    assert expected_distributions(one_way_link.followed(), SIDES, back) == distributions(demo)


def test_clocks_are_bounded_by_the_shortest_ways(demo):
    """East is ahead of west by no more than the shortest delay there, and no less than minus the shortest back: 0 is between."""
    there = min(p.delay_ns for p in one_way_link.followed() if p.delay_ns is not None and one_way_link.forward(p))
    here = min(p.delay_ns for p in one_way_link.followed() if p.delay_ns is not None and not one_way_link.forward(p))
    with duckdb.connect(str(demo / "trafmon.duckdb"), read_only=True) as store:
        [bounds] = store.execute("SELECT max(offset_low), min(offset_high) FROM clock_offset"
                                 " WHERE from_probe = 'west' AND to_probe = 'east'").fetchall()
    assert (-here, there) == bounds


def test_what_is_shown(demo):
    """Packets, losses and copies in all; every flow with what it lost, and where."""
    shown = (demo / "shown").read_text()
    assert "\x1b" not in shown
    truth = one_way_link.followed()
    lost = sum(p.verdict == "lost" for p in truth)
    head = next(line for line in shown.splitlines() if line.split()[:2] == [f"{len(truth):,}", f"{len(truth) - lost:,}"])
    assert [str(lost), "1.0", "%", "0", "0", "0", str(one_way_link.duplicated())] == head.split()[2:9]
    for side, way in ((SIDES[0], False), (SIDES[1], True)):
        for flow, mine in by_flow(truth).items():
            gone = sum(p.verdict == "lost" for p in mine)
            if gone and back(flow) is way:
                name = f"{PROTOCOLS[flow[2]]} {_end(flow[0], flow[3])} → {_end(flow[1], flow[4])} "
                [line] = [text for text in shown.splitlines() if text.startswith(name)]
                assert [f"{len(mine):,}", str(gone), f"{side}:", str(gone)] == line.removeprefix(name).split()[:4]
    assert str(demo / "packets.csv") in shown


def _end(address: str, port: str) -> str:
    return address if not port else f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
