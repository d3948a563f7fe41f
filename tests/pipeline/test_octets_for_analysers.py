"""An analyser that asks for application payload gets it, through ring and lanes, as tshark reads it in the capture."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import OWN_CAPTURES
from tests.oracles import tshark
from tests.oracles.tshark_payloads import payloads
from tmon_common.clock import FakeClock
from tmon_common.config.model import Analysis, Configuration, Filter, FlowClass, GranularFlow, Interface, Predicate, Probe
from tmon_probe.child.chain import Chain
from tmon_probe.child.intake import open_intake
from tmon_probe.demand import DNS, FTP_CONTROL, Demand, Service, demands_of
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.counts import COUNT
from tmon_probe.father.dissection import Dissection, Viewpoint
from tmon_probe.father.feed import Feed
from tmon_probe.father.loop import Father
from tmon_probe.father.plan import plan_of
from tmon_probe.father.sieve import compile_sieve
from tmon_probe.health import Part
from tmon_probe.health_names import FATHER_OWN, LANE
from tmon_probe.lanes import Lanes

WHOLE_DNS = Service("dns", DNS.protocol, DNS.ports)
CAPTURES = sorted(OWN_CAPTURES.glob("demo/*.pcap"))
pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)]


class Listener:
    """Keeps the payload of every packet of its class, by packet time and interface."""

    heard: dict[tuple[int, int], list[bytes]]

    def __init__(self, tasks, context) -> None:
        Listener.heard = defaultdict(list)
        self._tasks = tasks

    @staticmethod
    def demand(analysis: Analysis) -> Demand:
        return Demand(services=(WHOLE_DNS, FTP_CONTROL))

    def process(self, batch) -> None:
        for i in range(batch.first, batch.count):
            record = batch.records[i]
            if batch.flow[self._tasks[0].number][i] >= 0 and record["bytes_length"] and record["payload_at"]:
                payload = batch.octets_of(i)[int(record["payload_at"]) :]
                Listener.heard[int(record["interface"]), int(record["time_ns"])].append(payload)

    def flush(self, now_ns: int) -> None:
        """Nothing is counted."""

    retire = finish = lambda self, *_: None


def part(names: tuple[str, ...]) -> Part:
    return Part(np.zeros(len(names), np.int64), {name: i for i, name in enumerate(names)})


@pytest.mark.parametrize("lane_of", [(0, 0), (0, 1)], ids=["one ring", "two lanes, merged"])
def test_payload_reaches_the_analyser(lane_of):
    """Every octet of DNS and FTP control payload of both demo captures, whether the ring is read in place or lanes are merged;
    rings so small that slots and area wrap many times."""
    flow_class = FlowClass("talk", Filter((Predicate("port", ((53, 53), (21, 21))),)),
                           (GranularFlow("hosts", frozenset(("src_addr", "dst_addr"))),), (Analysis("listener"),))
    interfaces = tuple(Interface(p.stem, files=(p,)) for p in CAPTURES)
    probe = Probe("p", interfaces, (), classes=("talk",))
    factories = {"listener": Listener}
    lanes = Lanes(max(lane_of) + 1, 1 << 8, 1 << 18)
    clock = FakeClock()
    plan = plan_of([flow_class.filter], demands_of([flow_class], factories))
    dissection = Dissection(compile_sieve([flow_class.filter], {}), plan)
    feeds = [Feed(Replay((path,)), path.stem, Viewpoint(n, np.zeros(COUNT, np.int64)), lanes.rings[lane_of[n]], part(LANE))
             for n, path in enumerate(CAPTURES)]
    father = Father(feeds, dissection, part(FATHER_OWN), clock, lambda: False)
    intake = open_intake(lanes, clock, patient=True)
    chain = Chain(Configuration(Path("none"), (probe,), classes=(flow_class,)), probe, factories, lambda rows: None)
    while True:
        father.step()
        portion = intake.look(orphaned=False)
        if portion.ended:
            break
        if len(portion.records):
            chain.process(portion.records, portion.lanes, intake.areas)
            intake.release()
    heard, expected = Listener.heard, defaultdict(list)
    for number, path in enumerate(CAPTURES):
        frames = tshark.dump(path).frames
        for frame, payload in payloads(path, frozenset({21}), frozenset({53})).items():
            fields = frames[frame - 1]
            packet = tshark.outer(fields)
            if payload and packet.transport in ("tcp", "udp") and not packet.fragment:
                expected[number, int(fields["frame.time_epoch"].replace(".", ""))].append(payload)
    assert len(expected) > 500
    assert expected == heard
    lanes_closed = lanes.close
    del father, feeds, intake, portion
    lanes_closed()
