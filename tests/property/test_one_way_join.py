"""The join against its slow twin, over observations as nasty as they come."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import one_way_twin
from tmon_collector.one_way.join import JOINED, LATER, UNDEFINED, join
from tmon_collector.one_way.packets import NO_OCTETS, Flows, Observed, Packets, chosen
from tmon_common.config.model import Hop, OneWay, Point
from tmon_common.observations import ABSENT

FATES = {"joined": JOINED, "later": LATER, "undefined": UNDEFINED}
FLOWS = Flows(np.array([0, 1, 2, 0, -1, 3], np.int32), np.array([1, 0, -1, -1], np.int32), np.array([0, 1, 0, 2], np.int32),
              np.array([1, 0, 2, 1], np.int32))
TRANSIT = 20


@st.composite
def classes(draw) -> OneWay:
    """2 to 4 hops, the first and the last with points; some with alternatives."""
    kinds = [draw(st.integers(1, 2)), *draw(st.lists(st.integers(0, 2), max_size=2)), draw(st.integers(1, 2))]
    hops, number = [], 0
    for i, points in enumerate(kinds):
        hops.append(Hop(f"h{i}", tuple(Point(number + k + 1, f"p{i}", f"i{k}") for k in range(points)), ntp="" if points else "transmit"))
        number += points
    return OneWay(tuple(hops), nat=draw(st.booleans()), max_transit_ns=TRANSIT)


@st.composite
def observations(draw, one_way: OneWay) -> Observed:
    """Few keys, few moments: clashes, ties, copies, losses. Some points and definitions that do not exist."""
    many = draw(st.integers(0, 40))
    width = draw(st.sampled_from([10, 60, 300]))
    column = lambda values: draw(st.lists(values, min_size=many, max_size=many))  # noqa: E731
    extras = len(one_way.extras)
    return Observed(np.array(column(st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5, 6, -1])), np.int32),
                    np.array(column(st.integers(0, len(one_way.points) + 1)), np.uint8),
                    np.array(column(st.sampled_from([0, 1, 2**32 - 1])), np.uint32),
                    np.array(column(st.integers(-width, width)), np.int64),
                    np.array(column(st.sampled_from([NO_OCTETS, 40, 2**31 - 1])), np.int32),
                    draw(st.none()) if draw(st.booleans()) else np.array(column(st.sampled_from([ABSENT, 5, 6])), np.int64),
                    np.array(column(st.lists(st.sampled_from([ABSENT, 7, 8]), min_size=extras, max_size=extras)), np.int64).reshape(many, extras)
                    if extras and draw(st.booleans()) else None)


def as_tuples(packets: Packets) -> list[tuple]:
    return [(int(packets.flow[i]), int(packets.definition[i]), int(packets.signature[i]), int(packets.octets[i]),
             tuple(packets.times[i].tolist()), tuple([ABSENT] * packets.times.shape[1] if packets.last is None else packets.last[i].tolist()),
             tuple(packets.points[i].tolist()), int(packets.copies[i]), int(packets.clash[i]), int(packets.reverse[i]),
             int(packets.reference_ns[i])) for i in range(len(packets.flow))]


@given(st.data())
@settings(deadline=None, max_examples=600)
def test_join_is_its_twin(data):
    """Whatever was observed: the same packets, in the same order, the same fates, the same flows seen first."""
    one_way = data.draw(classes())
    observed = data.draw(observations(one_way))
    reverse = None if data.draw(st.booleans()) else np.array(data.draw(st.lists(st.integers(0, 1), min_size=4, max_size=4)), np.uint8)
    before_ns = data.draw(st.sampled_from([None, -5, 0, 30]))
    rows, fates, flows = one_way_twin.joined(observed, FLOWS, one_way, reverse, before_ns)
    seen_first = np.zeros(4, np.uint8)
    found = join(observed, FLOWS, one_way, reverse, np.iinfo(np.int64).max if before_ns is None else before_ns, seen_first)
    assert rows == as_tuples(found.packets)
    assert [FATES[f] for f in fates] == found.fate.tolist()
    assert flows == set(np.flatnonzero(seen_first).tolist())
