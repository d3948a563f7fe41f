"""Random packet records: few addresses and ports, so that flows meet; every kind of packet."""

import numpy as np

from tmon_probe import records as r
from tmon_probe.records import PACKET

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def random_records(seed: int, count: int, hosts: int = 6, ports: int = 4, classes: int = 1, span_s: int = 300,
                   disorder_s: float = 0.0) -> np.ndarray:
    """PACKET records over `span_s` seconds, out of order by up to `disorder_s`; ICMP errors are followed by what they quote."""
    rng = np.random.default_rng(seed)
    out = np.zeros(count, PACKET)
    times = START + np.sort(rng.integers(0, span_s * SECOND, count)) + rng.integers(0, int(disorder_s * SECOND) + 1, count)
    kinds = rng.choice(("tcp", "udp", "icmp", "icmp6", "other", "fragment"), count)
    quote = False
    for i, (record, kind) in enumerate(zip(out, kinds, strict=True)):
        six = kind == "icmp6" or (kind != "icmp" and rng.integers(3) == 0)
        record["ip_version"] = 6 if six else 4
        for side in ("src", "dst"):
            record[f"{side}_hi"] = 0x20010DB800000000 if six else 0
            record[f"{side}_lo"] = int(rng.integers(hosts)) + (0 if six else 0xFFFF0A000000)
        record["class_mask"] = rng.integers(1, 1 << classes)
        record["interface"], record["vlan"] = rng.integers(2), rng.integers(3)
        record["tos"] = rng.choice([0, 1, 46 << 2])
        record["ip_octets"] = rng.choice([rng.integers(20, 1501), 64, 65, 1500, 1501, 65535])
        record["payload_octets"] = rng.choice([0, rng.integers(1, 1400)])
        flags = 0
        if kind in ("tcp", "udp"):
            record["protocol"] = 6 if kind == "tcp" else 17
            record["src_port"], record["dst_port"] = rng.integers(1, ports + 1, 2)
            flags |= r.HAS_PORTS | (r.HAS_TCP if kind == "tcp" else r.HAS_UDP)
            flags |= r.NO_CHECKSUM if rng.integers(4) == 0 else 0
            record["tcp_flags"] = rng.choice([16, 16, 24, 2, 18, 17, 4, int(rng.integers(512))])
            record["tcp_window"] = rng.choice([0, 1000])
        elif kind in ("icmp", "icmp6"):
            record["protocol"] = 1 if kind == "icmp" else 58
            flags |= r.HAS_ICMP
            record["icmp_type"] = rng.choice([0, 1, 2, 3, 4, 5, 8, 11, 12, 128, 129, 133, 136, 137, int(rng.integers(256))])
            record["icmp_code"] = rng.choice([0, 3, 4])
        else:
            record["protocol"] = rng.choice([47, 50, 6, 17])
            flags |= (r.FRAGMENT | r.LATER_FRAGMENT) if kind == "fragment" else 0
        record["time_ns"] = times[i]
        if quote:  # the packet that the error before quotes
            flags |= r.QUOTED
            record["time_ns"], record["ip_version"] = out[i - 1]["time_ns"], out[i - 1]["ip_version"]
            record["quoted_mask"] = int(out[i - 1]["icmp_type"]) << 8 | int(out[i - 1]["icmp_code"])
            out[i - 1]["quoted_mask"] = record["class_mask"]
        quote = kind in ("icmp", "icmp6") and not quote and rng.integers(2) == 0 and i + 1 < count
        record["flags"] = flags
    return out
