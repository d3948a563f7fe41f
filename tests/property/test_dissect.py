"""Generated frames, good and broken: the dissection says what dpkt and the slow twin say, and reads nothing but the frame."""

import random

import dpkt
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import real_captures
from tests.oracles import frames
from tests.oracles.dpkt_fields import as_dpkt_reads, fields_by_dpkt
from tests.oracles.header_walk import walk
from tests.pipeline_in_process import Dissector, frames_from
from tests.unit.father.test_dissect import fields_of, outcome_of
from tmon_probe import records
from tmon_probe.father.capture import linktypes
from tmon_probe.father.capture.replay import Replay

LONG_CHAIN = bytes([0x60, 0, 0, 0, 0, 8 * 20, 60, 64]) + bytes(32) + (b"\x3c" + bytes(7)) * 19 + b"\x3b" + bytes(7)
JUMBO = bytes([0x60, 0, 0, 0, 0, 0, 0, 64]) + bytes(32) + b"\x11\0\xc2\4\0\1\0\x10" + b"\0\x35\0\x35\0\0\0\1" + bytes(65536)
SURROUNDINGS = [{}, {"after": b"\xff" * 80, "rubbish": 0xFF}, {"after": b"\x45\0\x08\0" * 20, "rubbish": 0xA5}]
dissectors, inner_dissectors = ([Dissector(**kwargs, inner=inner) for kwargs in SURROUNDINGS] for inner in (False, True))


def check(frame: bytes, link_type: int, wire: int) -> None:
    """The twin's outcome and fields, of tunnels outside and inside; the same whatever lies around the frame and was in the ring."""
    for inner, dissect in ((False, dissectors), (True, inner_dissectors)):
        outcome, *expected = walk(frame, link_type, wire, inner)
        expected = [e for e in expected if e is not None]
        tallies = []
        for d in dissect:
            found = d(frame, link_type, wire)
            assert outcome == outcome_of(found.tally)
            assert expected == [fields_of(r, e) for r, e in zip(found.records, expected, strict=True)]
            tallies.append(found.tally)
        assert tallies[0] == tallies[1] == tallies[2]


@settings(max_examples=400)
@given(frames.whole(), st.integers(0, 3000))
@example((JUMBO, linktypes.RAW), 0)
@example((LONG_CHAIN, linktypes.RAW), 0)
def test_good_frames(frame, beyond):
    """A frame that dpkt built is relevant, and its fields are those that dpkt reads."""
    frame, link_type = frame
    check(frame, link_type, len(frame) + beyond)


@settings(max_examples=400)
@given(frames.tunnelled(), st.integers(0, 40), st.integers(0, 20))
def test_carried_packets(tunnelled, cut, padding):
    """With the tunnels' inside asked for, the record is that of the packet that is carried, up to four tunnels deep."""
    packet, levels, carried = tunnelled
    check(packet[: len(packet) - cut] + bytes(0 if cut else padding), linktypes.RAW, len(packet))
    whole = inner_dissectors[1](packet, linktypes.RAW).record
    if levels > 4:
        return
    expected = dissectors[1](carried, linktypes.RAW).record
    names = [n for n in records.PACKET.names if n not in ("wire_octets", "flags", "bytes_offset", "sack", "unused")]
    assert fields_of(expected, names) == fields_of(whole, names)
    assert int(expected["flags"]) | records.TUNNELLED == int(whole["flags"])
    assert len(packet) == int(whole["wire_octets"])


@settings(max_examples=500)
@given(frames.whole(plain_chain=True))
def test_dpkt_reads_the_same(frame):
    frame, link_type = frame
    expected = fields_by_dpkt(frame, link_type, len(frame)) if dpkt_reads(frame, link_type) else None
    record = dissectors[0](frame, link_type).record
    assert record is not None
    if expected is None:
        return
    actual = fields_of(record, expected)
    actual["flags"] = as_dpkt_reads(actual["flags"], expected["flags"])
    assert expected == actual


def dpkt_reads(frame: bytes, link_type: int) -> bool:
    """dpkt knows no more than two VLAN tags, both of 802.1Q, and no MPLS before IPv4 options."""
    tags = (0x8100, 0x88A8, 0x9100, 0x9200)
    if link_type == linktypes.ETHERNET:
        first, second, third = (int.from_bytes(frame[at : at + 2], "big") for at in (12, 16, 20))
        if first in tags and second in tags and (third in tags or (first, second) != (0x8100, 0x8100)):
            return False
    try:
        return fields_by_dpkt(frame, link_type, len(frame)) is not None
    except (dpkt.UnpackError, IndexError, AttributeError):  # the last: of some chains of IPv6 extension headers
        return False


@settings(max_examples=1000)
@given(frames.broken(), st.sampled_from((0, 1, 60, 65536)))
def test_broken_frames(frame, beyond):
    """Noise, cut frames and lying length fields: no exception, one outcome, nothing read outside the frame."""
    frame, link_type = frame
    check(frame, link_type, len(frame) + beyond)


@settings(max_examples=40)
@given(frames.whole())
def test_cut_at_every_octet(frame):
    frame, link_type = frame
    for length in range(min(len(frame), 140)):
        check(frame[:length], link_type, len(frame))
        check(frame[:length], link_type, length)


@pytest.mark.parametrize("path", real_captures(), ids=lambda p: p.name)
def test_real_packets_mutated(path):
    """Octets of the headers of real packets changed, packets cut: as above."""
    rng = random.Random(path.name)
    for frame in rng.sample(found := frames_from(Replay((path,))), min(60, len(found))):
        octets = bytearray(frame.octets[:200])
        for _ in range(rng.randint(1, 5)):
            octets[rng.randrange(min(len(octets), 80))] = rng.choice((0, 1, 0x45, 0x60, 0xFF, rng.randrange(256)))
        check(bytes(octets[: rng.randint(0, len(octets))]), frame.link_type, frame.wire)


@pytest.mark.parametrize("link_type", linktypes.SUPPORTED)
def test_noise(link_type):
    rng = np.random.default_rng(link_type)
    for _ in range(400):
        octets = rng.integers(0, 256, rng.integers(0, 90), np.uint8)
        if len(octets) > 20 and rng.integers(2):  # noise that looks like IP
            octets[[0, 4, 14, 16, 20]] = rng.choice([0x45, 0x60, 0x4F, 0, 2], 5)
            octets[12:14] = rng.choice([[8, 0], [0x86, 0xDD], [0x81, 0], [0x88, 0x47]])
        check(octets.tobytes(), link_type, len(octets) + int(rng.integers(3)))


def test_unknown_link_type_is_other():
    found = dissectors[0](bytes(60), 147)
    assert outcome_of(found.tally) == "other"


def test_long_chain_of_extension_headers_ends():
    """After 16 extension headers the packet is good but has no transport header."""
    found = dissectors[0](LONG_CHAIN, linktypes.RAW).record
    assert int(found["flags"]) & (records.HAS_PORTS | records.HAS_TCP | records.HAS_UDP | records.HAS_ICMP) == 0
