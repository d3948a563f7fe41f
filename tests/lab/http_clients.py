"""HTTP with curl."""

import json

from tests.lab.operations import Actor, Operation

HTTP_PORT = 80


def curl_http(actor: Actor, *names: str, server: str, port: int = HTTP_PORT, options: tuple[str, ...] = ()) -> Operation:
    """Downloads files over one connection, as far as the server keeps it open."""
    host = f"[{server}]" if ":" in server else server
    wanted: list[str] = []
    for name in names:
        wanted += ["--output", "page", f"http://{host}:{port}/{name}" if port != HTTP_PORT else f"http://{host}/{name}"]
    outcome = actor.run(["curl", "-sS", "--write-out", "%{json}\n", *options, *wanted])
    counted = [json.loads(line) for line in outcome.stdout.splitlines()]
    facts = {
        "src_port": counted[0].get("local_port") or None,
        "files": list(names),
        "octets": sum(one["size_download"] for one in counted),
        "replies": [one["response_code"] for one in counted],
        "connections": sum(one["num_connects"] for one in counted),
        "connect_ms": round(counted[0]["time_connect"] * 1_000, 3) or None,
        "error": counted[-1].get("errormsg"),
    }
    no_answer = outcome.status == 28 and not facts["connections"]  # 28: curl's own time-out
    return actor.operation(
        "http",
        outcome,
        protocol="http",
        dst_addr=server,
        dst_port=port,
        result="no_answer" if no_answer else None,
        facts=facts,
    )
