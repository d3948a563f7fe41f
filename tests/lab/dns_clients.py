"""DNS with dig, from a source port of our choice so that truth.json can name it."""

import re

from tests.lab.operations import Actor, Operation

DNS_PORT = 53
_HEADER = re.compile(r"status: (\w+), id: (\d+)")
_QUERY_TIME = re.compile(r"Query time: (\d+) msec")
_TRANSPORT = re.compile(r"SERVER: .*\((TCP|UDP)\)")
_RECEIVED = re.compile(r"MSG SIZE\s+rcvd: (\d+)")


def dig(
    actor: Actor,
    name: str,
    record: str,
    *,
    server: str,
    src_port: int,
    port: int = DNS_PORT,
    options: tuple[str, ...] = (),
) -> Operation:
    """One query, sent once, two seconds of patience."""
    argv = ["dig", "+tries=1", "+time=2", *options, "-b", f"{actor.address(server)}#{src_port}"]
    outcome = actor.run([*argv, "-p", str(port), f"@{server}", name, record])
    header, query_time = _HEADER.search(outcome.stdout), _QUERY_TIME.search(outcome.stdout)
    transport, received = _TRANSPORT.search(outcome.stdout), _RECEIVED.search(outcome.stdout)
    refused = "connection refused" in outcome.stdout
    facts = {
        "src_port": src_port,
        "name": name,
        "record": record,
        "rcode": header[1] if header else None,
        "id": int(header[2]) if header else None,
        "rtt_ms": [int(query_time[1])] if query_time else [],
        "transport": transport[1].lower() if transport else None,
        "octets": int(received[1]) if received else None,
        "error": "connection refused" if refused else None,
        "truncated_first": "Truncated, retrying in TCP mode" in outcome.stdout or None,
    }
    return actor.operation(
        "dns",
        outcome,
        protocol="dns",
        dst_addr=server,
        dst_port=port,
        result="ok" if header else "failed" if refused else "no_answer",
        facts=facts,
    )
