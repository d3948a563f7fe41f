"""Echo requests and what comes back instead: ping and traceroute."""

import re

from tests.lab.operations import Actor, Operation

_REPLY = re.compile(r"bytes from \S+ icmp_seq=(\d+) .*time=([\d.]+) ms( \(DUP!\))?")
_ERROR = re.compile(r"^From (\S+?):? icmp_seq=(\d+) (.+?)\s*$", re.MULTILINE)
_HOP = re.compile(r"^\s*(\d+)\s+(\S+)(?:\s+([\d.]+) ms)?(?:\s+(![A-Z0-9<>-]+))?", re.MULTILINE)


def ping(
    actor: Actor,
    server: str,
    *,
    identifier: int,
    count: int = 4,
    octets: int = 56,
    options: tuple[str, ...] = (),
    interval_s: float = 0.2,
) -> Operation:
    """`octets` of data in each of `count` requests; `identifier` is the ICMP identifier."""
    argv = ["ping", "-n", "-c", str(count), "-i", str(interval_s), "-s", str(octets), "-W", "1", *options]
    outcome = actor.run([*argv, "-e", str(identifier), server])
    replies = _REPLY.findall(outcome.stdout)
    answers = [{"seq": int(seq), "rtt_ms": float(rtt), **({"dup": True} if dup else {})} for seq, rtt, dup in replies]
    errors = [{"from": who, "seq": int(seq), "error": text} for who, seq, text in _ERROR.findall(outcome.stdout)]
    sent = re.search(r"(\d+) packets transmitted", outcome.stdout)
    facts = {
        "id": identifier,
        "octets": octets,
        "sent": int(sent[1]) if sent else None,
        "answers": answers,
        "errors": errors,
        "rtt_ms": [answer["rtt_ms"] for answer in answers],
    }
    result = "ok" if answers else "failed" if errors else "no_answer"
    return actor.operation("ping", outcome, protocol="icmp", dst_addr=server, result=result, facts=facts)


def traceroute(actor: Actor, server: str, *, method: str = "udp", queries: int = 1, hops: int = 6) -> Operation:
    """`method` udp, icmp or tcp (to port 80)."""
    how = {"udp": [], "icmp": ["-I"], "tcp": ["-T", "-p", "80"]}[method]
    argv = ["traceroute", "-n", "-q", str(queries), "-m", str(hops), "-w", "1", "-N", "4", *how, server]
    outcome = actor.run(argv)
    lines = _HOP.findall(outcome.stdout.partition("\n")[2])
    path = [
        {"hop": int(hop), "addr": None if addr == "*" else addr, "rtt_ms": float(rtt) if rtt else None, "error": mark or None}
        for hop, addr, rtt, mark in lines
    ]
    reached = any(hop["addr"] == server for hop in path)
    facts = {"method": method, "queries": queries, "hops": path, "reached": reached}
    protocol = "icmp" if method == "icmp" else method
    result = "ok" if reached else "failed"
    return actor.operation("traceroute", outcome, protocol=protocol, dst_addr=server, result=result, facts=facts)
