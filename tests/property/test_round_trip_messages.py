"""Messages are found in exactly the records that ask or answer, wherever their octets lie."""

import dpkt
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles import round_trip_twins as twins
from tests.oracles.round_trip_twins import Octets, role_of
from tests.property.test_round_trip_readers import changed, dns_messages, ntp_messages, snmp_messages
from tmon_probe import records as r
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.round_trips import message, sample
from tmon_probe.child.round_trips.extract import Reader
from tmon_probe.records import PACKET

AREA = 1 << 12
HEADERS = 28
SERVICES = {sample.DNS: 1, sample.SNMP: 2, sample.NTP: 4}
PORTS = {53: sample.DNS, 161: sample.SNMP, 162: sample.SNMP, 123: sample.NTP}
WANTED = {sample.ICMP_ECHO: 0b011, sample.DNS: 0b001, sample.SNMP: 0b010, sample.NTP: 0b111}
"""Metric -> classes that want it."""


@st.composite
def packets(draw) -> dict:
    payload = changed(draw, draw(st.one_of(dns_messages(), snmp_messages(), ntp_messages(), st.binary(max_size=60))))
    kind = draw(st.sampled_from(("udp", "udp", "udp", "icmp", "tcp")))
    flags = {"udp": r.HAS_UDP | r.HAS_PORTS, "icmp": r.HAS_ICMP | r.HAS_ECHO, "tcp": r.HAS_TCP | r.HAS_PORTS}[kind]
    flags |= draw(st.sampled_from((0, 0, 0, 0, r.QUOTED, r.FRAGMENT, r.REASSEMBLED, r.REASSEMBLED | r.FRAGMENT)))
    ports = draw(st.sampled_from(((4000, 53), (53, 4000), (4000, 161), (162, 9), (123, 123), (5353, 5353), (53, 123), (123, 162))))
    return {"payload": payload, "flags": flags, "ports": ports, "mask": draw(st.integers(0, 7)), "lane": draw(st.integers(0, 1)),
            "served": draw(st.integers(0, 9)) > 0, "type": draw(st.sampled_from((8, 0, 128, 129))),
            "at": draw(st.integers(0, 2**32 - 1))}


def laid_out(many: list[dict]) -> FlowBatch:
    """The packets as records, one area a packet: their octets never lie around its end."""
    records = np.zeros(len(many), PACKET)
    areas = np.full((2 * len(many), AREA), 0xFF, np.uint8)
    datagrams = np.full((1, 1 << (AREA * max(len(many), 1) - 1).bit_length()), 0xFF, np.uint8)
    lanes = np.zeros(len(many), np.int16)
    for i, (record, p) in enumerate(zip(records, many, strict=True)):
        octets = bytes(HEADERS) + p["payload"].captured
        whole, lanes[i] = p["flags"] & r.REASSEMBLED, 2 * i + p["lane"]
        start = i * AREA + p["at"] % (AREA - len(octets) + 1) if whole else p["at"]
        if not whole and start % AREA + len(octets) > AREA:
            start -= AREA - len(octets)
        target = datagrams[0] if whole else areas[lanes[i]]
        at = start if whole else start % AREA
        target[at : at + len(octets)] = np.frombuffer(octets, np.uint8)
        record["bytes_offset"], record["bytes_length"], record["transport_at"] = start % 2**32, len(octets), 20
        record["payload_at"], record["payload_octets"], record["flags"] = HEADERS, p["payload"].declared, p["flags"]
        record["src_port"], record["dst_port"], record["class_mask"] = *p["ports"], p["mask"]
        record["icmp_type"], record["icmp_id"], record["icmp_seq"] = p["type"], 7, i
        bits = {SERVICES[PORTS[port]] for port in p["ports"] if port in PORTS}
        if p["flags"] & r.HAS_UDP and bits and p["served"] and not whole:
            record["flags"] |= r.SERVICE
            record["service"] = sum(bits)
    return FlowBatch(records, 0, len(many), np.zeros((1, 0), np.int32), np.zeros((1, 0), np.uint8), np.zeros(0, np.int64), lanes,
                     areas, datagrams)


def expected_of(p: dict, i: int) -> tuple | None:
    """(record, metric, role, identifier, code), ("malformed", metric), ("cut",), or None."""
    whole = p["flags"] & r.REASSEMBLED
    if p["flags"] & r.QUOTED or (p["flags"] & r.FRAGMENT and not whole):
        return None
    if p["flags"] & r.HAS_ECHO:
        wanted = WANTED[sample.ICMP_ECHO] & p["mask"]
        return (i, sample.ICMP_ECHO, "request" if p["type"] in (8, 128) else "answer", 7 << 16 | i, 0) if wanted else None
    metric = PORTS.get(p["ports"][1], PORTS.get(p["ports"][0]))
    if not p["flags"] & r.HAS_UDP or metric is None or not WANTED[metric] & p["mask"] or not (whole or p["served"]):
        return None
    read = {sample.DNS: (twins.dns,), sample.SNMP: (twins.snmp, *p["ports"]), sample.NTP: (twins.ntp,)}[metric]
    role, *rest = role_of(read[0], p["payload"], *read[1:])
    if role == "malformed":
        return role, metric
    if role in ("cut", "nothing"):
        return (role,) if role == "cut" else None
    return i, metric, role, rest[0] & 2**64 - 1, rest[2] if metric != sample.NTP else 0


def reader() -> Reader:
    names = range(8)
    return Reader([WANTED.get(m, 0) for m in names], [SERVICES.get(m, 0) for m in names])


@given(st.lists(packets(), max_size=12))
def test_messages_of_records(many):
    """Echo by the header fields; the others by their ports, for classes that want them, as the twins read the payload."""
    found_by = reader()
    roles = {message.REQUEST: "request", message.ANSWER: "answer"}
    found = [(int(m["record"]), int(m["metric"]), roles[int(m["role"])], int(m["identifier"]), int(m["code"]))
             for m in found_by.read(laid_out(many))]
    expected = [e for e in (expected_of(p, i) for i, p in enumerate(many)) if e]
    assert [e for e in expected if len(e) == 5] == found
    counted = {f"{name}_malformed": expected.count(("malformed", metric))
               for name, metric in (("dns", sample.DNS), ("snmp", sample.SNMP), ("ntp", sample.NTP))}
    assert counted | {"payloads_cut": expected.count(("cut",))} == found_by.counters()


def test_no_octets_at_all():
    """A packet of a service whose payload was not captured is cut, and nothing is read."""
    query = bytes(dpkt.dns.DNS(qd=[dpkt.dns.DNS.Q(name="a")]))
    p = {"payload": Octets(query, len(query)), "flags": r.HAS_UDP, "ports": (4, 53), "mask": 1, "lane": 0, "served": True,
         "at": 0, "type": 0}
    batch, found_by = laid_out([p]), reader()
    batch.records["bytes_length"], batch.records["payload_at"] = 0, 0
    assert 0 == len(found_by.read(batch))
    assert 1 == found_by.counters()["payloads_cut"]
