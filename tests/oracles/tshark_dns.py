"""DNS over UDP as tshark sees it: transactions that it matched, queries that it found unanswered."""

import re
import subprocess
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

PORT = 53
RETRANSMISSION_S = 600
"""Within so long after the first query tshark takes another one with the same id as its repetition."""
_FIELDS = ("frame.number", "frame.time_epoch", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
           "udp.srcport", "udp.dstport", "dns.id", "dns.flags.response", "dns.flags.rcode", "dns.count.answers",
           "dns.qry.name", "dns.qry.type", "dns.qry.class", "dns.response_to", "dns.retransmit_request_in",
           "dns.resp.ext_rcode", "_ws.malformed")


@dataclass(frozen=True)
class Message:
    """A DNS message in the outermost UDP datagram of a frame (fragments put together). fields: those that tshark shows, first of
    each."""

    number: int
    time_ns: int
    src: object
    dst: object
    src_port: int
    dst_port: int
    fields: dict[str, str]

    @property
    def response(self) -> bool:
        return self.fields["dns.flags.response"] in ("1", "True")

    @property
    def question(self) -> tuple[str | None, int | None, int | None]:
        """Name (in small letters, the root a dot), type and class of the first question."""
        name = self.fields.get("dns.qry.name")
        return "." if name == "<Root>" else name and name.lower(), self.number_of("dns.qry.type"), self.number_of("dns.qry.class")

    @property
    def rcode(self) -> int:
        """With the bits of an OPT record."""
        return self.number_of("dns.flags.rcode") | (self.number_of("dns.resp.ext_rcode") or 0) << 4

    @property
    def odd(self) -> bool:
        """Not a message to agree upon: malformed as tshark says, or with octets in its name that are written in many ways."""
        name = self.fields.get("dns.qry.name", "")
        return "_ws.malformed" in self.fields or re.fullmatch(r"[\w.-]*|<Root>", name, re.ASCII) is None

    @property
    def peers(self) -> tuple:
        """Client, its port, server, its port, and the id: what query and response have in common."""
        ends = (self.src, self.src_port), (self.dst, self.dst_port)
        (client, client_port), (server, server_port) = reversed(ends) if self.response else ends
        return client, client_port, server, server_port, self.number_of("dns.id")

    def number_of(self, name: str) -> int | None:
        return int(self.fields[name], 0) if name in self.fields else None


@dataclass(frozen=True)
class Transaction:
    """response: None for a query that got none."""

    query: Message
    response: Message | None

    @property
    def told(self) -> tuple:
        """(time, client, its port, server, its port, id, name, type, rcode, answers, latency in ns)."""
        q, a = self.query, self.response
        asked = (q.time_ns, *q.peers, *q.question[:2])
        return (*asked, *((a.rcode, a.number_of("dns.count.answers"), a.time_ns - q.time_ns) if a else (None,) * 3))


def transactions(path: Path) -> list[Transaction]:
    """Every query of `messages` once, repetitions left out, with the response that tshark found for it."""
    seen = messages(path)
    by_number = {m.number: m for m in seen}
    answered = {m.number_of("dns.response_to"): m for m in reversed(seen) if m.response}
    return [Transaction(m, answered.get(n)) for n, m in by_number.items()
            if not m.response and "dns.retransmit_request_in" not in m.fields]


@lru_cache(maxsize=64)
def messages(path: Path) -> tuple[Message, ...]:
    """Of port 53, in the order of the capture."""
    fields = [word for name in _FIELDS for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), "-o", "ip.defragment:TRUE", "-o", "ipv6.defragment:TRUE",
               "-o", f"dns.retransmission_timer:{RETRANSMISSION_S}", "-Y", f"dns && udp.port == {PORT}",
               "-T", "fields", "-E", "occurrence=f", "-E", "separator=/t", *fields]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = []
    for line in text.splitlines():
        shown = {n: v for n, v in zip(_FIELDS, line.split("\t"), strict=True) if v}
        layers = [x for x in shown["frame.protocols"].split(":") if x in ("ip", "ipv6", "udp", "icmp", "icmpv6", "gre", "dns")]
        if layers not in (["ip", "udp", "dns"], ["ipv6", "udp", "dns"]):
            continue  # carried by something else, or quoted
        src, dst = (ip_address(shown.get(f"ip.{side}") or shown[f"ipv6.{side}"]) for side in ("src", "dst"))
        found.append(Message(int(shown["frame.number"]), int(Decimal(shown["frame.time_epoch"]) * 10**9), src, dst,
                             int(shown["udp.srcport"]), int(shown["udp.dstport"]), shown))
    return tuple(found)
