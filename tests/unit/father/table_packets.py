"""Records (records.PACKET) with what the father's tables look at."""

import numpy as np

from tmon_probe import records as r
from tmon_probe.records import PACKET

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
MAPPED = 0xFFFF << 32


def packet(src: int, dst: int, *, version: int = 4, time_ns: int = START, ports: tuple[int, int] | None = None, **fields: int
           ) -> np.ndarray:
    """PACKET (1,): addresses are 32-bit or, with version=6, 128-bit numbers; `fields` by their names in PACKET."""
    record = np.zeros(1, PACKET)
    record["ip_version"], record["time_ns"] = version, time_ns
    for side, address in (("src", src), ("dst", dst)):
        number = address | MAPPED if version == 4 else address
        record[f"{side}_hi"], record[f"{side}_lo"] = number >> 64, number & (1 << 64) - 1
    if ports:
        record["src_port"], record["dst_port"] = ports
        record["flags"] = r.HAS_PORTS
    for name, value in fields.items():
        record[name] = value
    return record
