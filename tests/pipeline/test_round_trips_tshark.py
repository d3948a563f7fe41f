"""Round trips of ICMP echo, DNS, SNMP and NTP in real captures: the same packets asked, the same answered, as tshark says."""

from collections import Counter, defaultdict
from functools import lru_cache
from pathlib import Path

import pytest

from tests.oracles import tshark
from tests.oracles.tshark_round_trips import Message, messages, pairs
from tests.pipeline_in_process import DELAYS, FIVE_TUPLE, Measured, measure
from tmon_common.config.model import SECOND, Analysis, Filter, FlowClass, GranularFlow

pytest.importorskip("tmon_probe.child.reassembly.reassembly", reason="no reassembly in this tree")
pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)]
METRICS = "icmp_echo dns snmp ntp"
HOSTS = GranularFlow("hosts", frozenset(("src_addr", "dst_addr")))

DIFFERENCES: dict[str, dict[str, set]] = {
    "ipv4_options_timestamp.pcap": {
        "source route option: tshark takes its last address, 0.0.0.0, for the destination": {
            6, ("elsewhere", 6), 7, ("elsewhere", 7)},
    },
    "malformed_fuzz_2006.pcap": {
        "a changed bit: the answer has another question than the request; tshark looks at the id alone": {
            167, (167, 168), 261, (261, 262), (311, 312), 387, (387, 388), 490, (490, 493), 498, (498, 504), 513, (513, 514),
            546, (546, 547), (600, 601), 662, (662, 663)},
        "a request whose question is malformed, or points into nowhere, asks nothing": {
            11, 116, 166, 208, 233, 236, 243, 245, 254, 269, 279, 293, 360, 365, 371, 375, 382, 398, 408, 434, 437, 450, 500, 506,
            511, 512, 517, 579, 589, 605, 654, 656, 679},
        "the same id within 5 s, but another question or opcode: for tshark the same request again": {
            22, 103, 137, 147, 184, 185, 219, 226, 244, 273, 284, 297, 316, 338, 373, 383, 404, 425, 426, 491, 510, 528, 561, 562,
            564, 573, 584, 587, 597, 623, 634, 644, 678},
        "the same request within 5 s of 137 and 219, which are the second of that id for tshark": {139, 220},
        "an answer malformed behind its question, which tshark does not tie": {576, (576, 577), 681, (681, 684)},
    },
}  # fmt: skip
"""Capture -> why we differ -> (request, answer) or request frames that only one of the two has."""


def class_of(**options: str) -> tuple[FlowClass, ...]:
    options = {"metrics": METRICS, "records": "yes", "timeout": "600s"} | options
    return (FlowClass("all", Filter(), (FIVE_TUPLE,), (Analysis("round_trip", 60 * SECOND, DELAYS.name, tuple(options.items())),)),)


@lru_cache(maxsize=2)
def measured(path: Path) -> Measured:
    return measure(path, class_of())


class Frames:
    """Finds the frame of a message."""

    def __init__(self, path: Path) -> None:
        self._exact, self._rough = defaultdict(list), defaultdict(list)
        for m in messages(path):
            self._exact[m.asks, m.metric, m.time_ns, m.identifier, m.ends].append(m)
            self._rough[m.asks, m.metric, m.time_ns, m.identifier].append(m)

    def find(self, *key) -> int | tuple:
        """Number of the frame; if tshark sees other addresses, ("elsewhere", number); if it sees nothing, the key."""
        if self._exact.get(key):
            return self._exact[key][0].frame
        return ("elsewhere", self._rough[key[:4]][0].frame) if self._rough.get(key[:4]) else key


def ours(path: Path) -> tuple[dict, set]:
    """({(frame of the request, of the answer): code}, frames of requests without an answer), as we found them."""
    frames, answered, unanswered = Frames(path), {}, set()
    for row in measured(path).records("round_trip"):
        ends = row["requester_addr"], row["requester_port"], row["responder_addr"], row["responder_port"]
        request = frames.find(True, row["metric"], row["time"], row["identifier"], ends)
        if row["round_trip"] is None:
            unanswered.add(request)
        else:
            answer = frames.find(False, row["metric"], row["time"] + row["round_trip"], row["identifier"], ends)
            answered[request, answer] = row["code"]
    return answered, unanswered


def test_pairs(capture):
    """The same requests are answered by the same packets, or by none; every difference is named, and must be there."""
    expected = pairs(capture)
    answered, unanswered = ours(capture)
    differing = (set(answered) ^ expected.answered) | (unanswered ^ expected.unanswered)
    named = set().union(*DIFFERENCES.get(capture.name, {}).values())
    assert named == differing


def test_codes_and_times(capture):
    """Response code, and the time as tshark says it, of every pair that both have."""
    by_frame = {m.frame: m for m in messages(capture)}
    answered, _ = ours(capture)
    for request, answer in pairs(capture).answered & set(answered):
        assert by_frame[answer].code == answered[request, answer]
        if by_frame[answer].round_trip is not None:
            took_ns = by_frame[answer].time_ns - by_frame[request].time_ns
            assert by_frame[answer].round_trip * 1e9 == pytest.approx(took_ns, abs=1000)


def test_distribution_adds_up(capture):
    """The rows of the distribution hold every single round trip: population, sum, extremes, unanswered, errors and buckets."""
    singles, rows = measured(capture).records("round_trip"), measured(capture).records("round_trip_histogram")
    expected, found = Counter(), Counter()
    for row in singles:
        key = row["metric"], row["responder_addr"]
        expected[key, "unanswered"] += row["round_trip"] is None
        expected[key, "population"] += row["round_trip"] is not None
        expected[key, "sum"] += row["round_trip"] or 0
        expected[key, "errors"] += row["outcome"] == "error"
    for row in rows:
        for name in ("unanswered", "population", "sum", "errors"):
            found[(row["metric"], row["responder_addr"]), name] += row[name] + row[f"{name}_rev"]
        assert row["population"] == sum(row[f"slice_{n:02d}"] for n in range(1, 17))
        assert row["population_rev"] == sum(row[f"slice_{n:02d}_rev"] for n in range(1, 17))
    assert +expected == +found
    buckets = Counter()
    for row in measured(capture).records("round_trip_bucket"):
        buckets[row["metric"], row["responder_addr"]] += row["count"] + row["count_rev"]
    assert {key: n for (key, name), n in expected.items() if name == "population" and n} == buckets
