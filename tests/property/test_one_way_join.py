"""The join against its slow twin, over observations as nasty as they come."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import one_way_twin
from tmon_collector.one_way.join import JOINED, LATER, UNDEFINED, join
from tmon_collector.one_way.packets import NO_OCTETS, Flows, Observed, Packets, chosen
from tmon_collector.one_way.verdicts import judge
from tmon_common.config.model import Hop, OneWay, Point
from tmon_common.observations import ABSENT
from tmon_common.observations.one_way import VERDICTS

FATES = {"joined": JOINED, "later": LATER, "undefined": UNDEFINED}
FLOWS = Flows(np.array([0, 1, 2, 0, -1, 3], np.int32), np.array([1, 0, -1, -1], np.int32), np.array([0, 1, 0, 2], np.int32),
              np.array([1, 0, 2, 1], np.int32))
TRANSIT = 20
MS = 1_000_000


@st.composite
def classes(draw) -> OneWay:
    """2 to 4 hops, the first and the last with points; some with alternatives."""
    kinds = [draw(st.integers(1, 2)), *draw(st.lists(st.integers(0, 2), max_size=2)), draw(st.integers(1, 2))]
    hops, number = [], 0
    for i, points in enumerate(kinds):
        of_hop = tuple(Point(number + k + 1, f"p{i}", f"i{k}") for k in range(points))
        hops.append(Hop(f"h{i}", of_hop, ntp="" if points else "transmit"))
        number += points
    return OneWay(tuple(hops), nat=draw(st.booleans()), max_transit_ns=TRANSIT)


@st.composite
def observations(draw, one_way: OneWay) -> Observed:
    """Few keys, few moments: clashes, ties, copies, losses. Some points and definitions that do not exist."""
    many = draw(st.integers(0, 40))
    width = draw(st.sampled_from([10, 60, 300]))
    column = lambda values: draw(st.lists(values, min_size=many, max_size=many))  # noqa: E731
    extras = len(one_way.extras)
    of_one = st.lists(st.sampled_from([ABSENT, 7, 8]), min_size=extras, max_size=extras)
    return Observed(np.array(column(st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5, 6, -1])), np.int32),
                    np.array(column(st.integers(0, len(one_way.points) + 1)), np.uint8),
                    np.array(column(st.sampled_from([0, 1, 2**32 - 1])), np.uint32),
                    np.array(column(st.integers(-width, width)), np.int64),
                    np.array(column(st.sampled_from([NO_OCTETS, 40, 2**31 - 1])), np.int32),
                    draw(st.none()) if draw(st.booleans()) else np.array(column(st.sampled_from([ABSENT, 5, 6])), np.int64),
                    np.array(column(of_one), np.int64).reshape(many, extras) if extras and draw(st.booleans()) else None)


def as_tuples(packets: Packets) -> list[tuple]:
    last = np.full_like(packets.times, ABSENT) if packets.last is None else packets.last
    return [(int(packets.flow[i]), int(packets.definition[i]), int(packets.signature[i]), int(packets.octets[i]),
             tuple(packets.times[i].tolist()), tuple(last[i].tolist()), tuple(packets.points[i].tolist()), int(packets.copies[i]),
             int(packets.clash[i]), int(packets.reverse[i]), int(packets.reference_ns[i])) for i in range(len(packets.flow))]


@given(st.data())
@settings(deadline=None, max_examples=600)
def test_join_is_its_twin(data):
    """Whatever was observed: the same packets, in the same order, the same fates, the same flows seen first."""
    one_way = data.draw(classes())
    observed = data.draw(observations(one_way))
    ways = data.draw(st.none() | st.lists(st.integers(0, 1), min_size=4, max_size=4))
    reverse = None if ways is None else np.array(ways, np.uint8)
    before_ns = data.draw(st.sampled_from([None, -5, 0, 30]))
    rows, fates, flows = one_way_twin.joined(observed, FLOWS, one_way, reverse, before_ns)
    seen_first = np.zeros(4, np.uint8)
    found = join(observed, FLOWS, one_way, reverse, np.iinfo(np.int64).max if before_ns is None else before_ns, seen_first)
    assert rows == as_tuples(found.packets)
    assert [FATES[f] for f in fates] == found.fate.tolist()
    assert flows == set(np.flatnonzero(seen_first).tolist())


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_order_of_arrival_does_not_matter(data):
    """The same packets; and the same observations go back (of two that are equal in all, either)."""
    one_way = data.draw(classes())
    observed = data.draw(observations(one_way))
    order = np.array(data.draw(st.permutations(range(len(observed.time_ns)))), np.int64)
    first = join(observed, FLOWS, one_way, before_ns=10)
    second = join(chosen(observed, order), FLOWS, one_way, before_ns=10)
    assert as_tuples(first.packets) == as_tuples(second.packets)
    assert with_fates(observed, first.fate) == with_fates(chosen(observed, order), second.fate)


def with_fates(observed: Observed, fate: np.ndarray) -> list[tuple]:
    columns = [column.tolist() for column in (*observed, fate) if column is not None]
    return sorted(map(str, zip(*columns, strict=True)))


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_each_observation_is_in_one_packet_or_a_copy_in_one(data):
    one_way = data.draw(classes())
    observed = data.draw(observations(one_way))
    packets, fate = join(observed, FLOWS, one_way)
    assert np.count_nonzero(fate == JOINED) == np.count_nonzero(packets.points) + packets.copies.sum()
    assert not np.any(fate == LATER)


@st.composite
def journeys(draw) -> tuple[OneWay, Observed, int]:
    """Packets of few signatures on their way over up to 8 hops, lost, doubled, delayed; and their number."""
    hops, alternatives = draw(st.integers(2, 8)), draw(st.integers(1, 2))
    named = tuple(Hop(f"h{i}", tuple(Point(i * alternatives + k + 1, "p", f"i{k}") for k in range(alternatives)))
                  for i in range(hops))
    one_way = OneWay(named, nat=draw(st.booleans()), max_transit_ns=60)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    many, signatures, period = draw(st.integers(1, 40)), draw(st.sampled_from([1, 2, 30])), draw(st.sampled_from([1, 10, 100]))
    rows, clock = [], random.integers(-30, 31, hops)
    for n in range(many):
        time, flow, signature = n * period, int(random.integers(0, 3)), int(random.integers(0, signatures))
        for hop in range(hops):
            time += int(random.integers(3, 6))
            if random.random() < 0.04:
                break
            if random.random() < 0.04:
                continue
            point, copies = hop * alternatives + int(random.integers(1, alternatives + 1)), 1 + (random.random() < 0.04)
            rows += [(flow, point, signature, time + clock[hop] + 2 * copy, 100) for copy in range(copies)]
    columns = np.array(rows, np.int64).reshape(-1, 5)[random.permutation(len(rows))]
    return one_way, Observed(columns[:, 0].astype(np.int32), columns[:, 1].astype(np.uint8), columns[:, 2].astype(np.uint32),
                             columns[:, 3].copy(), columns[:, 4].astype(np.int32), None, None), many


@given(journeys(), st.booleans())
@settings(deadline=None, max_examples=300)
def test_join_of_journeys_is_its_twin(journey, both):
    """As above, with whole journeys: long pieces, usual delays that matter."""
    one_way, observed, many = journey
    reverse = np.array([0, 1, 0, 0], np.uint8) if both else None
    rows, fates, _ = one_way_twin.joined(observed, FLOWS, one_way, reverse, many * 5)
    found = join(observed, FLOWS, one_way, reverse, many * 5)
    assert rows == as_tuples(found.packets)
    assert [FATES[f] for f in fates] == found.fate.tolist()


@given(journeys(), st.booleans())
@settings(deadline=None, max_examples=300)
def test_join_in_milliseconds_is_its_twin(journey, both):
    """What is usual is now known well enough to say of some pairs that they are none."""
    one_way, observed, many = journey
    one_way, observed = replace(one_way, max_transit_ns=60 * MS), observed._replace(time_ns=observed.time_ns * MS)
    reverse = np.array([0, 1, 0, 0], np.uint8) if both else None
    rows, fates, _ = one_way_twin.joined(observed, FLOWS, one_way, reverse, many * 5 * MS)
    found = join(observed, FLOWS, one_way, reverse, many * 5 * MS)
    assert rows == as_tuples(found.packets)
    assert [FATES[f] for f in fates] == found.fate.tolist()


@given(journeys(), st.booleans(), st.data())
@settings(deadline=None, max_examples=300)
def test_verdicts_are_those_of_their_twin(journey, both, data):
    """Whenever points are blind, in whatever order that is told."""
    one_way, observed, many = journey
    reverse = np.array([0, 1, 0, 0], np.uint8) if both else None
    interval = st.tuples(st.integers(-50, many * 100), st.integers(0, 300)).map(lambda pair: (pair[0], sum(pair)))
    blind = {point.number: data.draw(st.lists(interval, max_size=3)) for point in one_way.points}
    rows, _, seen_first = one_way_twin.joined(observed, FLOWS, one_way, reverse)
    seen_first -= set(data.draw(st.lists(st.integers(0, 3), max_size=2)))
    packets = join(observed, FLOWS, one_way, reverse).packets
    judge(packets, [np.array(blind[p.number], np.int64) for p in one_way.points], one_way,
          np.isin(np.arange(4), list(seen_first)).astype(np.uint8))
    found = [(VERDICTS[v], a) for v, a in zip(packets.verdict.tolist(), packets.lost_after.tolist(), strict=True)]
    assert one_way_twin.verdicts(rows, blind, one_way, seen_first) == found
