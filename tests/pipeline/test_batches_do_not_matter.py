"""What is found does not depend on how packets fall into batches: a child gets them as they come, by one or by thousands."""

from functools import cache
from pathlib import Path

import dpkt
import pytest

from tests.oracles.capture_files import write_pcap
from tests.oracles.demo_link import DEMO, SIDES
from tests.pipeline_in_process import DELAYS, FIVE_TUPLE, Measured, measure
from tmon_common.config.model import SECOND, Analysis, Filter, FlowClass

KINDS = ("round_trip", "tcp_connection", "ftp_transfer", "ftp_counters", "dns_transaction")
ANALYSES = (Analysis("round_trip", 10 * SECOND, DELAYS.name, (("records", "yes"),)), Analysis("tcp_connection"),
            Analysis("ftp", 10 * SECOND), Analysis("dns_transaction"))
CLASSES = (FlowClass("all", Filter(), (FIVE_TUPLE,), ANALYSES),)
NUMBERED = ("session", "transfer", "resumes")
FEW, MANY = 4, 8192


@cache
def measured(path: Path, at_a_time: int) -> Measured:
    return measure(path, CLASSES, ring_slots=at_a_time)


def in_order(path: Path, kind: str, at_a_time: int) -> list[list[tuple[str, str]]]:
    """Rows of the kind, sorted. Sessions and transfers are numbered as they are met: not compared."""
    rows = measured(path, at_a_time).records(kind)
    return sorted([(name, str(value)) for name, value in row.items() if name not in NUMBERED] for row in rows)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_demo_recording(side, kind):
    """Four packets at a time, or all that a source reads at once."""
    few, many = (in_order(DEMO / f"{side}.pcap", kind, n) for n in (FEW, MANY))
    assert few
    assert few == many


def syn(port: int, seq: int) -> bytes:
    segment = dpkt.tcp.TCP(sport=port, dport=80, seq=seq, flags=dpkt.tcp.TH_SYN, win=1000)
    packet = dpkt.ip.IP(src=bytes((10, 0, 0, 1)), dst=bytes((10, 0, 0, 2)), p=dpkt.ip.IP_PROTO_TCP, data=segment, len=40)
    return bytes(12) + b"\x08\x00" + bytes(packet)


@pytest.mark.parametrize("at_a_time", [FEW, MANY])
def test_a_syn_without_answer_whose_port_is_used_again(tmp_path, at_a_time):
    """It was replaced by another connection, and so remained unanswered."""
    frames = [(0, syn(5000, 1)), (20, syn(5000, 100_000)), *((25 + n, syn(6000 + n, 7)) for n in range(20))]
    (tmp_path / "syns.pcap").write_bytes(write_pcap([(1000 + at, 0, frame, len(frame)) for at, frame in frames]))
    found = measured(tmp_path / "syns.pcap", at_a_time)
    assert "replaced" in {r["ended_by"] for r in found.records("tcp_connection")}
    told = [(r["time"], r["outcome"]) for r in found.records("round_trip") if (r["requester_port"], r["identifier"]) == (5000, 2)]
    assert [(1000 * SECOND, "unanswered")] == told
