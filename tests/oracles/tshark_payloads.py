"""Payloads of packets on some ports, by tshark."""

import subprocess
from functools import lru_cache
from pathlib import Path

from tests.oracles.tshark import OPTIONS

_FIELDS = ("frame.number", "tcp.srcport", "tcp.dstport", "tcp.payload", "udp.srcport", "udp.dstport", "udp.payload")


@lru_cache(maxsize=64)
def payloads(path: Path, tcp: frozenset[int], udp: frozenset[int]) -> dict[int, bytes]:
    """Number of each frame whose (outermost) transport header has one of the ports -> what that header carries."""
    options = [word for option in OPTIONS for word in ("-o", option)]
    fields = [word for name in _FIELDS for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), *options, "-T", "fields", "-E", "occurrence=f", "-E", "separator=/t", *fields]
    found = {}
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        number, *columns = line.split("\t")
        for ports, (source, destination, payload) in ((tcp, columns[:3]), (udp, columns[3:])):
            if source and {int(source), int(destination)} & ports:
                found[int(number)] = bytes.fromhex(payload)
    return found
