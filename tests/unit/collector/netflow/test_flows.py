"""Numbers of flows, beside a dictionary."""

import random

import numpy as np

from tmon_collector.netflow import flows as module
from tmon_collector.netflow.flows import Flows, definitions
from tmon_collector.netflow.records import NO_NUMBER, records
from tmon_common.observations import ABSENT, FLOW_DEFINITION

NAMES = ("exporter", "protocol", "src_port", "dst_port")


def random_flows(draw, count, variety):
    made = records(count)
    for flow in made:
        flow["src_addr"], flow["dst_addr"] = (draw.choice((0, 1 << 40)), draw.randrange(variety)), (0, draw.randrange(3) - 1)
        flow["exporter"], flow["protocol"] = draw.randrange(2), draw.choice((NO_NUMBER, 0, 6, 255))
        flow["src_port"], flow["dst_port"] = (draw.choice((NO_NUMBER, 0, 1, 65535)) for _ in range(2))
        flow["octets"] = draw.randrange(1000)
    return made


def key(flow):
    return (*flow["src_addr"].tolist(), *flow["dst_addr"].tolist(), *(int(flow[n]) for n in NAMES))


def test_numbers_are_those_of_a_dictionary():
    """While the table grows: the same for the same key, new ones in order, the first record of each told once."""
    draw, flows, known = random.Random(1), Flows(), {}
    for _ in range(6):
        batch = random_flows(draw, 3000, 400)
        numbers, new = flows.assign(batch)
        fresh = set()
        for i, flow in enumerate(batch):
            if key(flow) not in known:
                known[key(flow)] = len(known) + 1
                fresh.add(i)
            assert known[key(flow)] == numbers[i]
        assert fresh == set(new.tolist())
        assert len(fresh) == len(new)
    assert len(flows) == flows.created == len(known) > module.FIRST_FLOWS


def test_the_flows_seen_longest_ago_make_room():
    """They get new numbers when they come again; the others keep theirs."""
    flows = Flows(max_flows=64)
    batches = [records(16) for _ in range(5)]
    for b, batch in enumerate(batches):
        batch["src_addr"][:, 1] = np.arange(16) + 100 * b
    first = [flows.assign(batch)[0].tolist() for batch in batches[:4]]
    assert list(range(1, 65)) == [n for numbers in first for n in numbers]
    numbers, new = flows.assign(batches[4])
    assert (list(range(65, 81)), 16) == (numbers.tolist(), len(new))
    assert first[3] == flows.assign(batches[3])[0].tolist()
    assert min(flows.assign(batches[0])[0]) > 80
    assert flows.forgotten >= 16
    assert len(flows) <= 64


def test_more_at_once_than_there_is_room_for():
    """Each has a number, none twice."""
    batch = records(1000)
    batch["src_addr"][:, 1] = np.arange(1000)
    numbers, new = Flows(max_flows=16).assign(batch)
    assert len(set(numbers.tolist())) == len(new) == 1000


def test_definitions():
    """What is not there is empty."""
    batch = records(2)
    batch["src_addr"], batch["dst_addr"] = [(0, 1), (ABSENT, ABSENT)], [(5, 2), (0, 3)]
    batch["protocol"], batch["dst_port"], batch["start_ms"] = (6, NO_NUMBER), (80, NO_NUMBER), (7, 8)
    words = definitions(batch, np.array([11, 12]))
    rows = words.view(FLOW_DEFINITION.dtype)[:, 0]
    assert [(11, 0, 6, ABSENT, 80, 7_000_000), (12, 0, ABSENT, ABSENT, ABSENT, 8_000_000)] == [
        tuple(int(r[n]) for n in ("flow", "flow_class", "protocol", "src_port", "dst_port", "first_seen")) for r in rows]
    assert [[0, 1], [ABSENT, ABSENT]] == rows["src_addr"].tolist()
    assert {ABSENT} == {int(r[n]) for r in rows for n in ("interface", "vlan", "dscp")}
    assert [0, 0] == rows["bidirectional"].tolist()
