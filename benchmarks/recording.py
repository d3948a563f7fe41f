"""Real packets to repeat: read from pcap files, mixed in time, with the places of their addresses."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PCAP_ETHERNET = 1
RECORD_HEADER, FILE_HEADER = 16, 24
SPAN_NS = 60_000_000_000
"""The mix lasts at most so long; the packets of a recording that lasts longer are spread evenly over it."""
SHARED = ("ftp_bruteforce_dups", "ftp_pasv_688_retr", "lab_ftp_abort_vlan77", "lab_ftp_loss", "lab_ftp_modes", "lab_misc",
          "mixed_many_protocols", "tcp_mixed_skype", "dns_transactions")
_TAGS = (0x8100, 0x88A8, 0x9100)
_IPV4, _IPV6 = 0x0800, 0x86DD
_ICMP_ERRORS = {1: (3, 4, 5, 11, 12), 58: (1, 2, 3, 4)}


@dataclass
class Recording:
    """Packets in the order of time, as a pcap file holds them (little endian, microseconds).

    octets      uint8: record headers and frames, one after the other
    starts      int64 (packets,): where each record begins
    times_ns    int64 (packets,): since the beginning of the mix
    words, packet_of_word   int64: where the first 16-bit word of each address lies (the one that is counted up), and its packet
    partners    int64: where that address's second word lies (the one that is counted down)
    ip          bool (packets,): an IPv4 or IPv6 header follows the link header
    flow        int64 (packets,): number of its bidirectional five-tuple, -1 where there are no ports to see
    """

    octets: np.ndarray
    starts: np.ndarray
    times_ns: np.ndarray
    words: np.ndarray
    partners: np.ndarray
    packet_of_word: np.ndarray
    ip: np.ndarray
    flow: np.ndarray


def default_files(root: Path, names: Sequence[str] = SHARED) -> list[Path]:
    """The recordings that are mixed if none is given: the project's own, and these of the shared captures where they are."""
    shared = [root.parent / "shared" / "captures" / f"{name}.pcap" for name in names]
    return [p for p in shared if p.is_file()] + sorted((root / "tests/captures/demo").glob("*.pcap"))[:1]


def read_mix(files: Sequence[Path]) -> Recording:
    """ValueError if a file is no classic pcap file of Ethernet frames."""
    packets: list[tuple[int, bytes, int]] = []
    for path in files:
        packets += _spread(_read(path))
    packets.sort(key=lambda p: p[0])
    return make_recording(packets)


def make_recording(packets: Sequence[tuple[int, bytes, int]]) -> Recording:
    """packets: (time in ns, frame, octets on the wire), in the order of time."""
    chunks, starts, words, owners, ip, flow = [], [], [], [], [], []
    known: dict[tuple, int] = {}
    at = 0
    for number, (_, frame, wire) in enumerate(packets):
        starts.append(at)
        chunks += [struct.pack("<IIII", 0, 0, len(frame), wire), frame]
        places, key = _addresses(frame)
        ip.append(places is not None)
        flow.append(known.setdefault(key, len(known)) if key else -1)
        for place in places or ():
            words.append(at + RECORD_HEADER + place)
            owners.append(number)
        at += RECORD_HEADER + len(frame)
    first = np.array(words, np.int64)
    return Recording(np.frombuffer(b"".join(chunks), np.uint8), np.array(starts, np.int64),
                     np.array([p[0] for p in packets], np.int64), first, first + 2, np.array(owners, np.int64),
                     np.array(ip, bool), np.array(flow, np.int64))


def _read(path: Path) -> list[tuple[int, bytes, int]]:
    data = path.read_bytes()
    magic = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
             b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1)}.get(data[:4])
    if magic is None or struct.unpack_from(magic[0] + "I", data, 20)[0] & 0xFFFF != PCAP_ETHERNET:
        raise ValueError(f"{path}: not a classic pcap file of Ethernet frames")
    order, tick_ns = magic
    packets, at = [], FILE_HEADER
    while at + RECORD_HEADER <= len(data):
        seconds, fraction, octets, wire = struct.unpack_from(order + "IIII", data, at)
        at += RECORD_HEADER
        packets.append((seconds * 1_000_000_000 + fraction * tick_ns, data[at : at + octets], wire))
        at += octets
    return packets


def _spread(packets: list[tuple[int, bytes, int]]) -> list[tuple[int, bytes, int]]:
    times = np.array([p[0] for p in packets], np.int64)
    times -= times.min(initial=times[0] if len(times) else 0)
    if times.max(initial=0) >= SPAN_NS:
        times = np.arange(len(times), dtype=np.int64) * SPAN_NS // max(len(times), 1)
    return [(int(t), frame, wire) for t, (_, frame, wire) in zip(times, packets, strict=True)]


def _addresses(frame: bytes) -> tuple[list[int] | None, tuple | None]:
    """Where its IP addresses lie, those quoted in an ICMP error too (None: not IP), and what tells its flow (None: no ports)."""
    at = 12
    while len(frame) >= at + 4 and int.from_bytes(frame[at : at + 2]) in _TAGS:
        at += 4
    kind = int.from_bytes(frame[at : at + 2])
    found = _header(frame, at + 2) if kind in (_IPV4, _IPV6) else None
    if found is None:
        return None, None
    places, protocol, payload = found
    if protocol in _ICMP_ERRORS and len(frame) > payload and frame[payload] in _ICMP_ERRORS[protocol]:
        quoted = _header(frame, payload + 8)
        return places + (quoted[0] if quoted else []), None
    if protocol not in (6, 17) or len(frame) < payload + 4:
        return places, None
    octets = 4 if kind == _IPV4 else 16
    source, destination = (frame[p : p + octets] for p in places)
    ports = frame[payload : payload + 2], frame[payload + 2 : payload + 4]
    return places, (protocol, *sorted([(source, ports[0]), (destination, ports[1])]))


def _header(frame: bytes, at: int) -> tuple[list[int], int, int] | None:
    """Of the IP header at `at`: places of its addresses, protocol (-1: a fragment), place of the payload."""
    if len(frame) >= at + 20 and frame[at] >> 4 == 4:
        fragment = int.from_bytes(frame[at + 6 : at + 8]) & 0x3FFF
        return [at + 12, at + 16], -1 if fragment else frame[at + 9], at + 4 * (frame[at] & 15)
    if len(frame) >= at + 40 and frame[at] >> 4 == 6:
        return [at + 8, at + 24], frame[at + 6], at + 40
    return None
