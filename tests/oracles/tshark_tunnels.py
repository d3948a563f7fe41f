"""The packet that a frame carries innermost, as tshark shows it: by the order of frame.protocols."""

from dataclasses import dataclass
from pathlib import Path

from tests.oracles import tshark

FIELDS = ("frame.protocols", "ip.src", "ip.dst", "ip.proto", "ip.len", "ip.ttl", "ip.flags.mf", "ip.frag_offset",
          "ipv6.src", "ipv6.dst", "ipv6.plen", "ipv6.hlim", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport")  # fmt: skip
EXTENSIONS = {"ipv6.hopopts", "ipv6.dstopts", "ipv6.routing", "ah"}
IN_GRE = {"eth", "ethertype", "vlan", "mpls"}
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}


@dataclass(frozen=True)
class Carried:
    """tunnels: how many there are around it. ports: None where the transport has none, or tshark shows those of several packets."""

    version: int
    src: str
    dst: str
    octets: int
    ttl: int
    tunnels: int
    transport: int | None
    ports: tuple[int, int] | None


def innermost(path: Path) -> list[Carried | None]:
    """Per frame; None without IP."""
    return [_innermost(frame) for frame in tshark.occurrences(path, FIELDS)]


def _innermost(frame: dict[str, list[str]]) -> Carried | None:
    layers, seen, at, found = frame["frame.protocols"][0].split(":"), {"ip": 0, "ipv6": 0}, 0, None
    while at < len(layers) and layers[at] not in seen:
        at += 1
    tunnels = 0
    while at < len(layers):
        name = layers[at]
        i, at = seen[name], at + 1
        seen[name] += 1
        if len(frame.get(f"{name}.dst", ())) <= i:
            break
        source, destination = frame[f"{name}.src"][i], frame[f"{name}.dst"][i]
        octets = int(frame["ip.len"][i]) if name == "ip" else 40 + int(frame["ipv6.plen"][i])
        ttl = int(frame["ip.ttl" if name == "ip" else "ipv6.hlim"][i])
        while at < len(layers) and layers[at] in EXTENSIONS:
            at += 1
        found = Carried(4 if name == "ip" else 6, source, destination, octets, ttl, tunnels, *_transport(frame, layers[at:]))
        if name == "ip" and (frame["ip.flags.mf"][i] in ("1", "True") or frame["ip.frag_offset"][i] != "0"):
            break
        if layers[at : at + 1] == ["gre"]:
            at += 1
            while at < len(layers) and layers[at] in IN_GRE:
                at += 1
        if at == len(layers) or layers[at] not in seen:
            break
        tunnels += 1
    return found


def _transport(frame: dict[str, list[str]], layers: list[str]) -> tuple[int | None, tuple[int, int] | None]:
    name = layers[0] if layers else ""
    ports = [frame.get(f"{name}.{side}port", ()) for side in ("src", "dst")]
    return NUMBERS.get(name), (int(ports[0][0]), int(ports[1][0])) if [len(p) for p in ports] == [1, 1] else None
