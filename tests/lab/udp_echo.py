"""Large UDP datagrams: an echo service (RFC 862) and a client that measures the round trip. Run as a script.

udp_echo.py serve PORT | udp_echo.py ask ADDRESS PORT OCTETS COUNT SEED
"""

import json
import socket
import sys
import time
from random import Random

ANSWER_WITHIN_S = 1.0
MAX_DATAGRAM_OCTETS = 65_535


def serve(port: int) -> None:
    """Sends every datagram back, IPv4 and IPv6, for ever."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as echo:
        echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        echo.bind(("::", port))
        while True:
            data, sender = echo.recvfrom(MAX_DATAGRAM_OCTETS)
            echo.sendto(data, sender)


def ask(address: str, port: int, octets: int, count: int, seed: int) -> dict[str, object]:
    """Sends `count` datagrams of `octets` each, one after the answer to the other."""
    random = Random(seed)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    round_trips_ms: list[float | None] = []
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.connect((address, port))
        src_addr, src_port = client.getsockname()[:2]
        for _ in range(count):
            data = random.randbytes(octets)
            sent_at = time.monotonic()
            client.send(data)
            round_trips_ms.append(_answer_ms(client, data, sent_at))
    return {"src_addr": src_addr, "src_port": src_port, "octets": octets, "rtt_ms": round_trips_ms}


def _answer_ms(client: socket.socket, expected: bytes, sent_at: float) -> float | None:
    """Milliseconds until `expected` came back; None when it did not. Answers to earlier datagrams are passed over."""
    while (left := sent_at + ANSWER_WITHIN_S - time.monotonic()) > 0:
        client.settimeout(left)
        try:
            if client.recv(MAX_DATAGRAM_OCTETS) == expected:
                return round((time.monotonic() - sent_at) * 1_000, 3)
        except (TimeoutError, ConnectionRefusedError):
            return None
    return None


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        print(json.dumps(ask(sys.argv[2], *map(int, sys.argv[3:7]))))
