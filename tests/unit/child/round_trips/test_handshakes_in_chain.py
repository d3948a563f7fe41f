"""Handshakes without an answer, from the packet to the row: to which flow they count, and when."""

from pathlib import Path

import numpy as np

from tests.pipeline_in_process import DELAYS, as_record
from tests.unit.child.tcp.segments import RST, SECOND, START, SYN, segment
from tmon_common.config.model import Analysis, Configuration, Filter, FlowClass, GranularFlow, Interface, Probe
from tmon_common.observations import Rows
from tmon_probe.child.analysers.load import factories_of
from tmon_probe.child.chain import Chain

INTERVAL = 60 * SECOND
CONVERSATION = frozenset(("interface", "vlan", "src_addr", "dst_addr", "protocol", "src_port", "dst_port"))


class Measured:
    """One class, one granular flow definition, two interfaces."""

    def __init__(self, obsolescence_ns: int = 300 * SECOND, fields: frozenset[str] = CONVERSATION) -> None:
        analysis = Analysis("round_trip", INTERVAL, DELAYS.name, (("metrics", "tcp_handshake_server"), ("records", "yes")))
        flow_class = FlowClass("all", Filter(), (GranularFlow("g", fields, True, obsolescence_ns),), (analysis,))
        probe = Probe("p", (Interface("a"), Interface("b")), (), classes=("all",))
        configuration = Configuration(Path("none"), (probe,), classes=(flow_class,), histograms=(DELAYS,))
        self._emitted: list[Rows] = []
        self.chain = Chain(configuration, probe, factories_of((flow_class,)), self._emitted.append)

    def rows(self, kind: str) -> list[dict]:
        return [as_record(rows, i) for rows in self._emitted if rows.kind.name == kind for i in range(len(rows))]


def test_the_same_syn_at_several_places():
    """At two interfaces, and in a VLAN: three connections with the same ends, each counts to its own flow."""
    measured = Measured()
    measured.chain.process(np.concatenate([segment(0, 0, 1, flags=SYN, interface=0), segment(1, 0, 1, flags=SYN, interface=1),
                                           segment(2, 0, 1, flags=SYN, interface=1, vlan=7)]))
    measured.chain.flush(START + 2 * INTERVAL)
    assert [1, 2, 3] == sorted(row["flow"] for row in measured.rows("round_trip"))


def test_ports_used_again():
    """One connection takes the place of another: both SYNs had no answer."""
    measured = Measured(fields=CONVERSATION | {"dscp"})
    measured.chain.process(np.concatenate([segment(0, 0, 1, flags=SYN), segment(1, 0, 9, flags=SYN, tos=4)]))
    measured.chain.finish()
    assert [(1, 2), (2, 10)] == sorted((row["flow"], row["identifier"]) for row in measured.rows("round_trip"))


def test_a_flow_that_is_forgotten_before():
    """It is silent for longer than its class allows before the handshake has had its time: that counts all the same."""
    measured = Measured(obsolescence_ns=10 * SECOND)
    measured.chain.process(segment(0, 0, 1, flags=SYN))
    measured.chain.flush(START + 15 * SECOND)
    assert 1 == measured.chain.registry.expired
    measured.chain.process(segment(16_000, 1, 5, flags=RST, client=(1, 2), server=(3, 4)))  # takes the flow's entry
    measured.chain.flush(START + 90 * SECOND)
    measured.chain.finish()
    assert [(1, "unanswered")] == [(row["flow"], row["outcome"]) for row in measured.rows("round_trip")]
    assert [(1, 1)] == [(row["flow"], row["unanswered"]) for row in measured.rows("round_trip_histogram")]


def test_of_a_later_recording():
    """Packet time has gone back a day when it is given up: it does not count before the SYN."""
    measured = Measured()
    measured.chain.process(segment(0, 0, 1, flags=SYN))
    measured.chain.flush(START - 24 * 3600 * SECOND)
    measured.chain.finish()
    [row] = measured.rows("round_trip_histogram")
    assert row["start"] <= START < row["end"]
