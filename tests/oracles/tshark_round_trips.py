"""Requests and answers in a capture, by tshark: which packets they are, and which belongs to which."""

import subprocess
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

_FIELDS = (
    "frame.number", "frame.time_epoch", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
    "udp.srcport", "udp.dstport", "udp.payload",
    "icmp.type", "icmp.ident", "icmp.seq", "icmp.resp_to", "icmp.resptime",
    "icmpv6.type", "icmpv6.echo.identifier", "icmpv6.echo.sequence_number", "icmpv6.resp_to", "icmpv6.resptime",
    "dns.id", "dns.flags.response", "dns.flags.rcode", "dns.response_to", "dns.time", "dns.retransmission",
    "snmp.version", "snmp.msgVersion", "snmp.request_id", "snmp.msgID", "snmp.error_status", "snmp.data",
    "ntp.flags.mode", "ntp.xmt", "ntp.org",
)  # fmt: skip
_LINKS = {"eth", "ethertype", "sll", "raw", "null", "vlan", "ieee8021ad", "pppoes", "ppp", "frame"}
_EXTENSIONS = {"ipv6.hopopts", "ipv6.routing", "ipv6.fraghdr", "ipv6.dstopts"}
SNMP_REQUESTS, SNMP_ANSWERS = {0, 1, 3, 5, 6}, {2, 8}  # get, get-next, set, get-bulk, inform; response, report
NTP_REQUESTS, NTP_ANSWERS = {1, 3}, {2, 4}


@dataclass(frozen=True)
class Message:
    """A packet that asks or answers. ends: (requester, its port, responder, its port), ports None for ICMP."""

    frame: int
    time_ns: int
    metric: str
    asks: bool
    ends: tuple
    identifier: int
    code: int | None
    answers: int | None = None  # frame of the request, as tshark says it
    round_trip: float | None = None  # seconds, as tshark says it
    repeats: bool = False
    tie: str = ""  # what answer and request have in common, for those that tshark does not tie itself


@lru_cache(maxsize=64)
def messages(path: Path) -> list[Message]:
    """Those of the outermost packet of each frame, datagrams put together, DNS, SNMP and NTP on their ports only."""
    fields = [word for name in _FIELDS for word in ("-e", name)]
    command = ["tshark", "-n", "-2", "-r", str(path), "-T", "fields", "-E", "occurrence=f", "-E", "separator=/t", *fields]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    frames = [{n: v for n, v in zip(_FIELDS, line.split("\t"), strict=True) if v} for line in text.split("\n")[:-1]]
    return [m for m in map(_message, frames) if m is not None]


def _message(f: dict[str, str]) -> Message | None:
    layers = [name for name in f["frame.protocols"].split(":") if name not in _EXTENSIONS]
    at = next((i for i, name in enumerate(layers) if name in ("ip", "ipv6")), None)
    if at is None or at + 1 >= len(layers) or not set(layers[:at]) <= _LINKS:
        return None
    if f"{layers[at]}.dst" not in f:  # a header that tshark gave up on
        return None
    src, dst = (ip_address(f[f"{layers[at]}.{side}"]) for side in ("src", "dst"))
    number, time_ns = int(f["frame.number"]), int(f["frame.time_epoch"].replace(".", ""))
    transport, application = layers[at + 1], (layers[at + 2] if at + 2 < len(layers) else "")
    if transport in ("icmp", "icmpv6"):
        kind = int(f.get(f"{transport}.type", -1))
        if kind not in ((8, 0) if transport == "icmp" else (128, 129)):
            return None
        names = ("icmp.ident", "icmp.seq") if transport == "icmp" else ("icmpv6.echo.identifier", "icmpv6.echo.sequence_number")
        if not all(n in f for n in names):
            return None
        asks, identifier = kind in (8, 128), int(f[names[0]], 0) << 16 | int(f[names[1]], 0)
        took = f.get(f"{transport}.resptime")
        return Message(number, time_ns, "icmp_echo", asks, (src, None, dst, None) if asks else (dst, None, src, None), identifier,
                       None if asks else 0, _int(f.get(f"{transport}.resp_to")), float(took) / 1000 if took else None)
    if transport != "udp":
        return None
    ports = int(f["udp.srcport"]), int(f["udp.dstport"])
    found = None
    if application == "dns" and 53 in ports and "dns.flags.response" in f:
        asks = f["dns.flags.response"] in ("0", "False")
        found = (asks, int(f["dns.id"], 0), None if asks else int(f["dns.flags.rcode"]), _int(f.get("dns.response_to")),
                 float(f["dns.time"]) if "dns.time" in f else None, f.get("dns.retransmission") in ("1", "True"), "")
    elif application == "snmp" and {161, 162} & set(ports):
        found = _snmp(f, ports)
    elif application == "ntp" and 123 in ports:
        found = _ntp(f)
    if found is None:
        return None
    asks, identifier, *rest = found
    ends = (src, ports[0], dst, ports[1]) if asks else (dst, ports[1], src, ports[0])
    return Message(number, time_ns, application, asks, ends, identifier, *rest)


def _snmp(f: dict[str, str], ports: tuple[int, int]) -> tuple | None:
    if "snmp.msgID" in f:
        number = int(f["snmp.msgID"])
        if "snmp.data" in f:
            kind = int(f["snmp.data"])
        else:  # encrypted: a request goes to the agent
            kind = 0 if ports[1] == 161 else 2
        tie = f"v3 {number}"
    elif "snmp.request_id" in f and "snmp.data" in f:
        number, kind = int(f["snmp.request_id"]), int(f["snmp.data"])
        tie = f"{f.get('snmp.version')} {number}"
    else:
        return None
    if kind not in SNMP_REQUESTS | SNMP_ANSWERS:
        return None
    asks = kind in SNMP_REQUESTS
    return asks, number, None if asks else int(f.get("snmp.error_status", 0)), None, None, False, tie


def _ntp(f: dict[str, str]) -> tuple | None:
    mode, payload = int(f.get("ntp.flags.mode", -1)), bytes.fromhex(f.get("udp.payload", ""))
    if mode not in NTP_REQUESTS | NTP_ANSWERS or len(payload) < 48:
        return None
    asks = mode in NTP_REQUESTS
    stamp = payload[40:48] if asks else payload[24:32]
    if not any(stamp):
        return None
    number = int.from_bytes(stamp, "big") & (1 << 63) - 1
    return asks, number, None if asks else 0, None, None, False, f["ntp.xmt" if asks else "ntp.org"]


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)


@dataclass(frozen=True)
class Pairs:
    """answered: (frame of the request, frame of the first answer). unanswered: frames of requests that have no answer."""

    answered: set[tuple[int, int]]
    unanswered: set[int]


def pairs(path: Path) -> Pairs:
    """ICMP and DNS as tshark ties them, SNMP and NTP by hand: the first answer to the first copy of a request."""
    found, by_frame = {}, {m.frame: m for m in messages(path)}
    waiting: dict[tuple, int] = {}
    for m in messages(path):
        key = m.metric, m.ends, m.tie
        if m.tie and m.asks:
            waiting.setdefault(key, m.frame)
        elif m.tie and key in waiting:
            found.setdefault(waiting.pop(key), m.frame)
        elif not m.asks and m.answers in by_frame:
            found.setdefault(m.answers, m.frame)
    asked = {m.frame for m in messages(path) if m.asks and not m.repeats and not m.tie} | set(waiting.values())
    return Pairs(set(found.items()), asked - set(found))
