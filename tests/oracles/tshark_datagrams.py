"""Datagrams that tshark puts together, and fragments that it finds no use for."""

import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_FIELDS = (
    "frame.number", "frame.time_epoch", "frame.protocols", "ip.src", "ip.dst", "ip.proto", "ip.id", "ip.frag_offset", "ip.flags.mf",
    "ip.reassembled_in", "ip.reassembled.length", "ip.reassembled.data", "ip.fragment",
    "ipv6.src", "ipv6.dst", "ipv6.fraghdr.ident", "ipv6.fraghdr.offset", "ipv6.fraghdr.more",
    "ipv6.reassembled.in", "ipv6.reassembled.length", "ipv6.reassembled.data", "ipv6.fragment",
)  # fmt: skip


@dataclass(frozen=True)
class Reassembled:
    """frame: the one that made it complete. Times in ns; payload: what the fragments carried."""

    frame: int
    newest_ns: int
    oldest_ns: int
    fragments: int
    payload: bytes


def _ns(text: str) -> int:
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))


@lru_cache(maxsize=32)
def frames(path: Path) -> list[dict[str, list[str]]]:
    """Of each frame every occurrence of what tshark shows."""
    fields = [word for name in _FIELDS for word in ("-e", name)]
    options = ["-o", "ip.defragment:TRUE", "-o", "ipv6.defragment:TRUE"]
    command = ["tshark", "-n", "-2", "-r", str(path), *options, "-T", "fields", "-E", "occurrence=a", "-E", "separator=/t", *fields]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [{n: v.split(",") for n, v in zip(_FIELDS, line.split("\t"), strict=True) if v} for line in text.split("\n")[:-1]]


def reassembled(path: Path) -> list[Reassembled]:
    found = []
    times = [_ns(f["frame.time_epoch"][0]) for f in frames(path)]
    for number, fields in enumerate(frames(path), 1):
        for prefix in ("ip", "ipv6"):
            if f"{prefix}.reassembled.length" in fields:
                parts = [int(n) for n in fields[f"{prefix}.fragment"]]
                for length, data in zip(fields[f"{prefix}.reassembled.length"], fields[f"{prefix}.reassembled.data"], strict=True):
                    assert int(length) == len(data) // 2
                    found.append(Reassembled(number, max(times[n - 1] for n in parts), min(times[n - 1] for n in parts), len(parts),
                                             bytes.fromhex(data)))
    return found


def left_over(path: Path, lifetime_ns: int) -> dict[int, tuple]:
    """Frame of the first fragment of each datagram that tshark could not put together -> its key. Fragments of one key that come
    later than lifetime_ns after its first are another's. Only outermost packets; not what ICMP errors quote."""
    found, started = {}, {}
    for number, fields in enumerate(frames(path), 1):
        layers = fields["frame.protocols"][0].split(":")
        prefix = next((name for name in layers if name in ("ip", "ipv6")), None)
        offset, more, name = (("ip.frag_offset", "ip.flags.mf", "ip.id") if prefix == "ip" else
                              ("ipv6.fraghdr.offset", "ipv6.fraghdr.more", "ipv6.fraghdr.ident"))
        if offset not in fields or f"{prefix}.dst" not in fields or (prefix == "ipv6" and {"icmpv6", "ipv6.fraghdr"} <= {*layers}
                                                               and layers.index("icmpv6") < layers.index("ipv6.fraghdr")):
            continue
        if not int(fields[offset][0], 0) and fields[more][0] not in ("1", "True"):
            continue
        if {"ip.reassembled_in", "ipv6.reassembled.in", "ip.reassembled.length", "ipv6.reassembled.length"} & fields.keys():
            continue
        key = prefix, fields[f"{prefix}.src"][0], fields[f"{prefix}.dst"][0], fields[name][0], fields.get("ip.proto", [""])[0]
        now_ns = _ns(fields["frame.time_epoch"][0])
        if key not in started or abs(now_ns - started[key]) > lifetime_ns:
            started[key] = now_ns
            found[number] = key
    return found
