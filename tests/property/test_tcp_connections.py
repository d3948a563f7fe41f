"""TCP connections under loss, duplication and disorder, against truth known beforehand and against a slow twin."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.tcp_twin import Direction, echoes
from tests.unit.child.tcp.segments import ACK, FIN, MS, RST, SERVER, START, SYN, Told, connection, handshake, segment

isns = st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 3000, 2**32 - 1))
cuts = st.lists(st.integers(2, 1460), min_size=1, max_size=12)


def cut(sizes: list[int]) -> list[tuple[int, int]]:
    """(first octet, octets) of consecutive segments."""
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    return list(zip(starts, sizes, strict=True))


@st.composite
def arrivals(draw) -> list[tuple[int, int]]:
    """Segments of a transfer as they pass the probe: some never, some twice or cut anew, in some order."""
    sizes = draw(cuts)
    parts = cut(sizes)
    total = sum(sizes)
    again = draw(st.lists(st.tuples(st.integers(0, total - 1), st.integers(2, 3000)), max_size=5))
    parts = [p for p in parts if draw(st.integers(0, 9)) > 0]
    parts += [(start, min(octets, total - start)) for start, octets in again if total - start >= 2]
    if draw(st.booleans()):
        order = draw(st.permutations(range(len(parts))))
        parts = [parts[i] for i in order]
    return parts


@given(isns, arrivals(), st.booleans())
def test_unique_octets_are_those_that_passed(isn, passed, from_start):
    """Whatever is lost, repeated, cut anew or overtaken, also around 2**32: unique octets are the octets seen at least once,
    retransmitted ones all the others."""
    records = handshake(isn) if from_start else []
    records += [segment(100 + i, 0, isn + 1 + start, 501, octets) for i, (start, octets) in enumerate(passed)]
    if not records:
        return
    state = connection(records)
    seen = {n for start, octets in passed for n in range(start, start + octets)}
    assert len(seen) == state["unique_octets"][0]
    assert sum(octets for _, octets in passed) == state["octets"][0]
    assert state["octets"][0] - state["unique_octets"][0] == state["retransmitted_octets"][0]


@given(isns, cuts, st.lists(st.integers(0, 11), max_size=6), st.integers(0, 40))
def test_retransmissions_are_those_injected(isn, sizes, repeated, late):
    """Segments sent again, whole, some time after the first copy: exactly these are counted, and nothing is out of order."""
    parts = cut(sizes)
    sent = list(parts)
    injected = [parts[n % len(parts)] for n in repeated]
    for part in injected:
        sent.insert(min(sent.index(part) + 1 + late, len(sent)), part)
    records = handshake(isn) + [segment(100 + i, 0, isn + 1 + a, 501, n) for i, (a, n) in enumerate(sent)]
    state = connection(records)
    assert (len(injected), sum(n for _, n in injected)) == (state["retransmitted_segments"][0], state["retransmitted_octets"][0])
    assert (0, 0) == (state["out_of_order_segments"][0], state["missing_octets"][0])


@given(isns, arrivals(), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 13)), max_size=10), st.booleans())
def test_one_direction_is_that_of_the_twin(isn, passed, acks, from_start):
    """Every count of sequence space, and the round trips of data, with acknowledgements of segments' ends now and then."""
    twin = Direction(isn if from_start else None)
    records = handshake(isn) if from_start else [segment(0, 1, 501)]
    ends = [1 + start + octets for start, octets in passed]
    acks_at = {at: ends[n % len(ends)] for at, n in acks} if ends else {}
    for i, (start, octets) in enumerate(passed):
        twin.data(isn + 1 + start, octets, START + (100 + 3 * i) * MS)
        records.append(segment(100 + 3 * i, 0, isn + 1 + start, 501, octets))
        if i in acks_at:
            twin.ack(isn + acks_at[i], START + (101 + 3 * i) * MS)
            records.append(segment(101 + 3 * i, 1, 501, isn + acks_at[i]))
    told = Told().process(records).finish()
    state = told.only
    for name in ("octets", "retransmitted_octets", "retransmitted_segments", "out_of_order_segments", "missing_octets"):
        assert getattr(twin, name) == state[name][0], name
    assert twin.segments == state["data_segments"][0]
    found = [int(s["round_trip_ns"]) for s in told.samples if s["metric"] == 7]
    assert twin.round_trips == found
    assert (len(found), sum(found)) == (state["rtt_samples"][0], state["rtt_sum_ns"][0])


@given(st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.integers(0, 3), st.integers(0, 4)), max_size=40),
       st.integers(0, 2**32 - 1))
def test_timestamps_are_matched_as_pping_does(steps, base):
    """TSvals that stand still or go up, echoes that go up: first appearance to first echo, each once, around 2**32 too."""
    clock, echoed = [base, base], [base, base]
    records, plain = [], []
    for i, (side, acknowledges, up, back) in enumerate([(0, False, 0, 0), (1, False, 0, 0), *steps]):  # both sides are known
        clock[side] += up
        echoed[side] = max(echoed[side], clock[1 - side] - back)
        tsval, tsecr = clock[side] % 2**32, echoed[side] % 2**32
        records.append(segment(i, side, 1, 1 if acknowledges else None, ts=(tsval, tsecr)))
        plain.append((START + i * MS, side, acknowledges, tsval, tsecr))
    samples = Told(["tcp_timestamps"]).process(records).finish().samples
    found = [(int(s["requester_port"] == SERVER[1]), int(s["identifier"]), int(s["round_trip_ns"])) for s in samples]
    assert echoes(plain) == found


@st.composite
def conversations(draw) -> list[np.ndarray]:
    """Segments of one connection, most of them nonsense."""
    numbers = st.integers(0, 3000)
    flags = st.sampled_from([0, 0, 0, 0, SYN, FIN, RST, SYN | FIN, ACK])
    octets = st.sampled_from([0, 0, 1, 2, 500])
    step = st.tuples(st.integers(0, 1), numbers, st.one_of(st.none(), numbers), octets, flags, st.sampled_from([0, 1000]))
    steps = draw(st.lists(step, min_size=1, max_size=15))
    return [segment(i, side, seq, ack, octets, kind, window=window, ts=(seq, ack or 0), tos=seq % 4)
            for i, (side, seq, ack, octets, kind, window) in enumerate(steps)]


@settings(max_examples=40)
@given(st.lists(conversations(), min_size=1, max_size=6), st.integers(1, 40), st.randoms(use_true_random=False))
def test_connections_do_not_touch_each_other(each, batch, random):
    """Interleaved in any way and cut into batches of any size, every connection is told as if it were alone."""
    alone, mixed = [], []
    for number, records in enumerate(each):
        port = 40_000 + number
        for record in records:
            for side in ("src", "dst"):
                record[f"{side}_port"] = np.where(record[f"{side}_port"] == 40_000, port, record[f"{side}_port"])
        mixed += [(number, i, record) for i, record in enumerate(records)]
        alone.append(Told().process(records).finish())
    queues = [[record for n, _, record in mixed if n == number] for number in range(len(each))]
    together = []
    while any(queues):
        together.append(random.choice([q for q in queues if q]).pop(0))
    told = Told().process(together, batch).finish()
    for number, single in enumerate(alone):
        rows = told.rows[told.rows["client_port"] == 40_000 + number]
        rows = np.concatenate([rows, told.rows[told.rows["server_port"] == 40_000 + number]])
        rows, expected = rows[np.argsort(rows["serial"])], single.rows[np.argsort(single.rows["serial"])]
        for name in told.rows.dtype.names:
            if name not in ("serial", "slot"):
                assert expected[name].tolist() == rows[name].tolist(), name
    assert 0 == len(told.connections)
