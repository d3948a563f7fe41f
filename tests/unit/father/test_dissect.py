"""Every packet of every real capture: the records are what dpkt and the slow twin read."""

from collections import Counter

import dpkt
import numpy as np
import pytest

from tests.oracles.dpkt_fields import as_dpkt_reads, fields_by_dpkt, quoted_by_dpkt
from tests.oracles.header_walk import OUTCOMES, walk
from tests.pipeline_in_process import EVERYTHING, Dissector, frames_from, measure
from tmon_common.config.model import Filter, Predicate
from tmon_common.kernels.keyed_hash import random_words
from tmon_probe import records
from tmon_probe.demand import FTP_CONTROL, NOTHING_SPECIAL, UDP, Demand, Fragments, Service, Signature
from tmon_probe.father import counts
from tmon_probe.father.capture.batch import Batch
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.dissection import Dissection, Room, Viewpoint
from tmon_probe.father.plan import plan_of
from tmon_probe.father.sieve import compile_sieve, trivial_sieve
from tmon_probe.records import PACKET

WITH_FLAG = {
    "signature": records.SIGNED, "ftp_mask": records.FTP_PEERS, "signature_nat": records.SIGNED_NAT, "service": records.SERVICE,
    "tcp_mss": records.HAS_MSS, "tcp_window_scale": records.HAS_WINDOW_SCALE, "sack_blocks": records.HAS_SACK,
    "icmp_id": records.HAS_ECHO, "icmp_seq": records.HAS_ECHO,
}  # fmt: skip
"""Fields that mean nothing without a flag."""
OF_BYTES = {"bytes_offset", "bytes_length", "transport_at", "payload_at"}
"""Fields about octets of the packet, which only a ring with an area for them has."""

VERSION, LENGTH = "dpkt does not look at the version of the IP header", "dpkt takes a total length that is below the header's"
DIFFERENCES_WITH_DPKT = {
    "malformed_tcpdump_a.pcap": {
        1277: VERSION,
        1325: "dpkt gives up a whole IPv6 packet for a cut extension header",
        1326: LENGTH,
        1333: "dpkt reads an IPv6 fragment header that lies beyond the packet's own length (0)",
        1335: "dpkt goes on after a payload length of 0, though there is no Jumbo Payload option",
    },
    "malformed_fuzz_2006.pcap": dict.fromkeys((45, 55, 78, 318, 551), VERSION),
}


def outcome_of(tally: dict[str, int]) -> str:
    """The one outcome of the one frame that was counted."""
    assert 1 == tally["seen"] == tally["relevant"] + tally["irrelevant"] + tally["malformed"] + tally["other"]
    counted = [name for name in OUTCOMES if tally[name]]
    assert tally["malformed"] == sum(name.startswith("malformed_") for name in counted)
    assert len(counted) == 1, counted
    return counted[0]


def fields_of(record: np.void, names) -> dict[str, int | list[int]]:
    """Of `sack` the edges of those blocks that are there."""
    sack = {"sack": record["sack"][: 2 * record["sack_blocks"]].tolist()} if "sack" in names else {}
    return {name: int(record[name]) for name in names if name != "sack"} | sack


def test_fields_are_those_of_dpkt(capture):
    """Whatever dpkt reads of a packet is in its record; where dpkt finds no IP or gives up, there is none."""
    known, met = DIFFERENCES_WITH_DPKT.get(capture.name, {}), set()
    dissect = Dissector()
    for frame in frames_from(Replay((capture,))):
        record = dissect(frame.octets, frame.link_type, frame.wire, frame.time_ns).record
        try:
            expected = fields_by_dpkt(frame.octets, frame.link_type, frame.wire)
        except (dpkt.UnpackError, IndexError):
            expected = None
        actual = None
        if record is not None:
            actual = fields_of(record, expected or ())
            assert frame.time_ns == int(record["time_ns"])
            if expected:
                actual["flags"] = as_dpkt_reads(actual["flags"], expected["flags"])
        if expected != actual and frame.number in known:
            met.add(frame.number)
            continue
        assert expected == actual, f"packet {frame.number}"
    assert set(known) == met


def test_quoted_packets_are_those_of_dpkt(capture):
    """The record that follows an ICMP error holds what dpkt reads of the quoted packet."""
    dissect = Dissector()
    for frame in frames_from(Replay((capture,))):
        found = dissect(frame.octets, frame.link_type, frame.wire).records
        if len(found) < 2:
            continue
        expected = quoted_by_dpkt(frame.octets, frame.link_type)
        if expected is None:  # dpkt wants the transport header whole
            continue
        expected.pop("payload_octets", None)
        actual = fields_of(found[1], expected)
        assert actual["flags"] & records.QUOTED == records.QUOTED
        actual["flags"] = as_dpkt_reads(actual["flags"] & ~(records.QUOTED | records.HAS_VLAN), expected["flags"])
        assert expected == actual, f"packet {frame.number}"


@pytest.mark.parametrize("inner", [False, True], ids=["outer", "inner"])
def test_records_are_those_of_the_slow_twin(capture, inner):
    """Outcome, fields and quoted packet of every frame, malformed ones too, are those of the slow twin; carried packets as well."""
    dissect = Dissector(after=b"\xa5" * 64, inner=inner)
    for frame in frames_from(Replay((capture,))):
        found = dissect(frame.octets, frame.link_type, frame.wire)
        outcome, *expected = walk(frame.octets, frame.link_type, frame.wire, inner)
        assert outcome == outcome_of(found.tally), f"packet {frame.number}"
        expected = [e for e in expected if e is not None]
        assert expected == [fields_of(r, e) for r, e in zip(found.records, expected, strict=True)], f"packet {frame.number}"


def test_every_packet_is_counted_once(capture):
    """seen = relevant + irrelevant + malformed + other, malformed is the sum of its reasons, octets are those of the frames."""
    frames = frames_from(Replay((capture,)))
    tally = measure(capture).tally
    assert len(frames) == tally["seen"] == tally["relevant"] + tally["irrelevant"] + tally["malformed"] + tally["other"]
    assert tally["malformed"] == sum(n for name, n in tally.items() if name.startswith("malformed_"))
    assert sum(f.wire for f in frames) == tally["octets"]


def test_batches_are_single_packets_in_a_row(capture):
    """One call for a batch writes what one call per packet writes, however small the ring; and no field is left as it was."""
    dissect, sieve = Dissector(rubbish=0x5A, remembers=True), trivial_sieve(1)
    single, tally = [], Counter()
    for frame in frames_from(Replay((capture,)))[:1500]:
        found = dissect(frame.octets, frame.link_type, frame.wire, frame.time_ns)
        found.records["interface"] |= frame.interface << 8
        single.append(found.records)
        tally.update(found.tally)
    single = np.concatenate(single)
    source, ring, rows, total = Replay((capture,)), np.zeros(7, PACKET), [], np.zeros(counts.COUNT, np.int64)
    kernel, area, area_at = Dissection(sieve, EVERYTHING), np.zeros(1 << 20, np.uint8), 0
    left = tally["seen"]
    while left and (batch := source.next_batch()) is not None:
        done, last = 0, min(batch.count, left)
        left -= last
        while done < last:
            room = Room(ring, 2, 5, area, area_at, len(area))
            done, written, area_at = kernel(batch, done, Viewpoint(0, total), room, last)
            rows.append(ring[2 : 2 + written].copy())
    assert ring["time_ns"][:2].tolist() == [0, 0]  # before the slots that were free
    assert [tally[name] for name in counts.NAMES] == total.tolist()
    together = np.concatenate(rows)
    assert len(single) == len(together)
    for name in set(PACKET.names) - OF_BYTES - {"unused", "sack"}:
        meant = single["flags"] & WITH_FLAG[name] > 0 if name in WITH_FLAG else slice(None)
        np.testing.assert_array_equal(single[name][meant], together[name][meant], name)
    with_sack = single["flags"] & records.HAS_SACK > 0
    for one, other in zip(single[with_sack], together[with_sack], strict=True):
        assert fields_of(one, ["sack"]) == fields_of(other, ["sack"])


def test_an_area_that_is_full_for_a_while_changes_nothing(capture):
    """Same records, octets and counts as with room for all; each packet once, wherever positions stand, past 2^32 too."""
    filters = [Filter(), Filter((Predicate("src_port", ((0, 1023),)),))]
    anything = Service("anything", UDP, frozenset(range(65536)), 300)
    plan = plan_of(filters, [(Demand(Fragments.WHOLE, (anything, FTP_CONTROL), "all", Signature()),), (Demand(Fragments.WHOLE),)])
    sieve, seed, found = compile_sieve(filters, {}), random_words(13), []
    for octets, room_at_once in ((1 << 24, 1 << 24), (1 << 18, 1 << 14)):
        kernel, source = Dissection(sieve, plan), Replay((capture,))
        kernel._fragments.seed = seed  # which first fragments meet in a bucket is the same both times
        ring, area, total = np.zeros(64, PACKET), np.zeros(octets, np.uint8), np.zeros(counts.COUNT, np.int64)
        rows, carried, at = [], [], (1 << 32) - 5000
        while (batch := source.next_batch()) is not None:
            done, free = 0, room_at_once
            while done < batch.count:
                after, written, position = kernel(batch, done, Viewpoint(0, total), Room(ring, 0, 64, area, at, free))
                rows.append(ring[:written].copy())
                for r in ring[:written]:
                    start = int(r["bytes_offset"]) & (octets - 1)
                    assert start + int(r["bytes_length"]) <= octets
                    carried.append(area[start : start + int(r["bytes_length"])].tobytes())
                free = free + room_at_once if after == done else room_at_once
                assert free <= octets
                done, at = after, position
        found.append((np.concatenate(rows), carried, total))
    (roomy, octets, tally), (tight, octets_tight, tally_tight) = found
    assert tally.tolist() == tally_tight.tolist()
    assert octets == octets_tight
    for name in set(PACKET.names) - {"bytes_offset", "unused", "sack"}:
        meant = roomy["flags"] & WITH_FLAG[name] > 0 if name in WITH_FLAG else slice(None)
        meant = roomy["bytes_length"] > 0 if name in OF_BYTES - {"bytes_length"} else meant
        np.testing.assert_array_equal(roomy[name][meant], tight[name][meant], name)


def test_irrelevant_packets_leave_nothing():
    """What no class wants is counted as irrelevant and takes no slot; an error is wanted for the packet that it quotes."""
    udp = dpkt.udp.UDP(sport=5, dport=53, ulen=8)
    sent = dpkt.ip.IP(src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2", p=17, len=28, data=udp)
    error = dpkt.ip.IP(src=b"\x0a\0\0\2", dst=b"\x0a\0\0\1", p=1, len=56,
                       data=dpkt.icmp.ICMP(type=3, code=3, data=dpkt.icmp.ICMP.Unreach(data=sent)))
    echo = dpkt.ip.IP(src=b"\x0a\0\0\2", dst=b"\x0a\0\0\1", p=1, len=28, data=dpkt.icmp.ICMP(type=8, data=dpkt.icmp.ICMP.Echo()))
    packets = [bytes(p) for p in (sent, error, echo)]
    batch, tally = Batch.empty(np.frombuffer(b"".join(packets), np.uint8), (228,)), np.zeros(counts.COUNT, np.int64)
    batch.captured[:3] = batch.wire[:3] = [len(p) for p in packets]
    batch.offsets[:3] = np.cumsum(batch.captured[:3]) - batch.captured[:3]
    batch.count = 3
    filter_ = Filter((Predicate("protocol", ((17, 17),)),))
    kernel = Dissection(compile_sieve([filter_], {}), plan_of([filter_], [(NOTHING_SPECIAL,)]))
    ring = np.zeros(8, PACKET)
    assert (3, 3, 0) == kernel(batch, 0, Viewpoint(0, tally), Room(ring, 0, 8, np.zeros(1 << 20, np.uint8), 0, 1 << 20))
    assert tally[:5].tolist() == [3, 2, 1, 0, 0]
    expected = [(17, 1, 0), (1, 0, 1), (17, 1, 3 << 8 | 3)]
    assert expected == [tuple(map(int, record)) for record in ring[["protocol", "class_mask", "quoted_mask"]][:3].tolist()]
