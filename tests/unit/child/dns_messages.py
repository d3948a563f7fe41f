"""DNS messages put together octet by octet, and batches of packets that carry them."""

import struct
from ipaddress import ip_address

import numpy as np

from tmon_probe import records as r
from tmon_probe.child.batch import FlowBatch
from tmon_probe.records import PACKET

SECOND = 1_000_000_000
CLIENT, SERVER = "192.0.2.1", "192.0.2.53"


def name(*labels: bytes) -> bytes:
    """Uncompressed."""
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def pointer(at: int) -> bytes:
    return struct.pack("!H", 0xC000 | at)


def record(owner: bytes, type_: int, rdata: bytes, class_: int = 1, ttl: int = 60) -> bytes:
    return owner + struct.pack("!HHIH", type_, class_, ttl, len(rdata)) + rdata


def message(id_: int = 7, flags: int = 0, question: bytes = name(b"example", b"net"), type_: int = 1, class_: int = 1,
            sections: tuple[list[bytes], ...] = ([], [], [])) -> bytes:
    """With one question, or none if that is b"". sections: answer, authority, additional."""
    asked = question + struct.pack("!HH", type_, class_) if question else b""
    counts = (bool(question), *map(len, sections))
    return struct.pack("!6H", id_, flags, *counts) + asked + b"".join(b"".join(s) for s in sections)


def response(*answers: bytes, rcode: int = 0, **fields) -> bytes:
    return message(flags=0x8400 | rcode, sections=(list(answers), [], []), **fields)


def packet(payload: bytes, time_s: float = 0, *, back: bool = False, port: int = 4000, client: str = CLIENT, entry: int = 0,
           flags: int = 0, interface: int = 0, octets: int | None = None, service: int = 1) -> dict:
    """back: from the server. octets: UDP payload by the header, if not all of it is there. entry: of the flow, -1 for none."""
    return locals()


def batch_of(*packets: dict, specs: int = 1) -> FlowBatch:
    """Flow entry e is published as number 100 + e."""
    records, area = np.zeros(len(packets), PACKET), bytearray()
    flow = np.full((specs, max(len(packets), 1)), -1, np.int32)
    for i, p in enumerate(packets):
        ends = [(ip_address(p["client"]), p["port"]), (ip_address(SERVER), 53)]
        for side, (address, port) in zip(("dst", "src") if p["back"] else ("src", "dst"), ends, strict=True):
            number = int(address) + (0xFFFF << 32 if address.version == 4 else 0)
            records[i][f"{side}_hi"], records[i][f"{side}_lo"] = number >> 64, number & (1 << 64) - 1
            records[i][f"{side}_port"] = port
        records[i]["flags"] = r.HAS_UDP | r.HAS_PORTS | r.SERVICE | p["flags"]
        records[i]["service"], records[i]["interface"] = p["service"], p["interface"]
        records[i]["time_ns"] = round(p["time_s"] * SECOND)
        records[i]["payload_octets"] = len(p["payload"]) if p["octets"] is None else p["octets"]
        records[i]["bytes_offset"], records[i]["bytes_length"], records[i]["payload_at"] = len(area), 28 + len(p["payload"]), 28
        area += bytes(28) + p["payload"]
        flow[:, i] = p["entry"]
    octets = np.zeros((1, 1 << max(len(area) - 1, 0).bit_length()), np.uint8)
    octets[0, : len(area)] = np.frombuffer(bytes(area), np.uint8)
    return FlowBatch(records, 0, len(packets), flow, np.zeros_like(flow, np.uint8), np.arange(100, 200),
                     np.zeros(len(packets), np.int16), octets, octets)
