"""Large UDP datagrams, which IP has to cut into fragments."""

import json
from pathlib import Path

from tests.lab.operations import Actor, Operation
from tests.lab.servers import ECHO_PORT

_SCRIPT = Path(__file__).with_name("udp_echo.py")


def udp_big(actor: Actor, server: str, octets: int, *, count: int = 2, seed: int = 1) -> Operation:
    """`count` datagrams of `octets` payload, each echoed."""
    arguments = ["ask", server, str(ECHO_PORT), str(octets), str(count), str(seed)]
    outcome = actor.run(["python3", str(_SCRIPT), *arguments])
    answer = json.loads(outcome.stdout or "{}")
    facts = {"octets": octets, "src_port": answer.get("src_port"), "rtt_ms": answer.get("rtt_ms"), "sent": count}
    answered = any(rtt is not None for rtt in facts["rtt_ms"] or ())
    operation = actor.operation(
        "udp_big",
        outcome,
        protocol="udp",
        dst_addr=server,
        dst_port=ECHO_PORT,
        result="ok" if answered else "no_answer",
        facts=facts,
    )
    operation.command = ["python3", "tests/lab/udp_echo.py", *arguments]
    return operation
