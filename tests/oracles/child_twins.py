"""Slow twins of the child: flows in a dictionary, counters in dictionaries, one packet at a time."""

from collections import Counter, defaultdict

import numpy as np

from tmon_common.config.model import FlowClass, GranularFlow
from tmon_probe import records as r
from tmon_probe.child.analysers.icmp_counters import ICMP_COUNTERS

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))


def as_dict(record: np.void) -> dict[str, int]:
    return dict(zip(record.dtype.names, record.item(), strict=True))


def identity(packet: dict, granular: GranularFlow) -> tuple:
    """Fields of the flow in the direction of this packet; None for what it does not hold."""
    ports = packet["flags"] & r.HAS_PORTS
    values = {
        "src_addr": packet["src_hi"] << 64 | packet["src_lo"], "dst_addr": packet["dst_hi"] << 64 | packet["dst_lo"],
        "src_port": packet["src_port"] if ports else -1, "dst_port": packet["dst_port"] if ports else -1,
        "protocol": packet["protocol"], "interface": packet["interface"], "vlan": packet["vlan"], "dscp": packet["tos"] >> 2,
    }  # fmt: skip
    return tuple(values[name] if name in granular.fields else None for name in values)


def turned(key: tuple) -> tuple:
    return key[1], key[0], key[3], key[2], *key[4:]


class FlowTwin:
    """classes: position is the bit in the mask. Flows never end."""

    def __init__(self, classes: tuple[FlowClass, ...]) -> None:
        self.specs = [(bit, c, g) for bit, c in enumerate(classes) for g in c.flows]
        self.flows: dict[tuple, tuple] = {}  # (number of the definition, key) -> the same, of the first packet

    def assign(self, packet: dict) -> list[tuple[tuple, int, FlowClass, int] | None]:
        """Per definition: (identity of the flow, direction, its class, bit), or None if the packet is not in the class."""
        found = []
        for number, (bit, flow_class, granular) in enumerate(self.specs):
            if not packet["class_mask"] >> bit & 1:
                found.append(None)
                continue
            key = number, identity(packet, granular)
            way = 0
            if granular.bidirectional and (number, turned(key[1])) in self.flows and key not in self.flows:
                key, way = (number, turned(key[1])), 1
            self.flows.setdefault(key, key)
            found.append((key, way, flow_class, bit))
        return found


class CounterTwin:
    """totals[kind][(flow, start)][column]: what every interval row of a flow must add up to."""

    def __init__(self, classes: tuple[FlowClass, ...], bounds: tuple[int, ...]) -> None:
        self.flows, self.bounds = FlowTwin(classes), bounds
        self.totals = defaultdict(lambda: defaultdict(Counter))
        self.extremes = defaultdict(lambda: [None, None])  # (flow, start, direction) -> smallest, largest size

    def count(self, packet: dict) -> None:
        for found in self.flows.assign(packet):
            if found is None:
                continue
            flow, way, flow_class, bit = found
            for analysis in flow_class.analyses:
                start = packet["time_ns"] // analysis.interval_ns * analysis.interval_ns
                columns = getattr(self, f"_{analysis.kind}")(packet, bit)
                if columns is None:
                    continue
                row = self.totals[analysis.kind][flow, start]
                row.update({name + "_rev" * way: n for name, n in columns.items()})
                if analysis.kind == "ip_sizes":
                    low, high = self.extremes[flow, start, way]
                    size = packet["ip_octets"]
                    self.extremes[flow, start, way] = [min(size, size if low is None else low), max(size, high or size)]

    def _ip_counters(self, p: dict, _bit: int) -> dict | None:
        if p["flags"] & r.QUOTED:
            return None
        return {"packets": 1, "octets": p["ip_octets"], "fragments": int(p["flags"] & r.FRAGMENT > 0)}

    def _ip_sizes(self, p: dict, _bit: int) -> dict | None:
        if p["flags"] & r.QUOTED:
            return None
        size = p["ip_octets"]
        place = 1 + sum(size > bound for bound in self.bounds)
        return {"population": 1, "sum": size, "sum_of_squares": size * size, f"slice_{place:02d}": 1}

    def _udp_counters(self, p: dict, _bit: int) -> dict | None:
        if p["flags"] & r.QUOTED or not p["flags"] & r.HAS_UDP:
            return None
        size = p["payload_octets"]
        return {"datagrams": 1, "payload_octets": size, "empty_datagrams": int(size == 0),
                "no_checksum": int(p["flags"] & r.NO_CHECKSUM > 0)}

    def _tcp_counters(self, p: dict, _bit: int) -> dict | None:
        if p["flags"] & r.QUOTED or not p["flags"] & r.HAS_TCP:
            return None
        flags, size = p["tcp_flags"], p["payload_octets"]
        bits = {"syn": SYN, "fin": FIN, "rst": RST, "psh": PSH, "urg": URG, "ece": ECE, "cwr": CWR}
        return {
            "segments": 1, "payload_octets": size, "data_segments": int(size > 0),
            "pure_acks": int(size == 0 and flags & ACK > 0 and not flags & (SYN | FIN | RST)),
            "zero_windows": int(p["tcp_window"] == 0 and not flags & RST), **{n: int(flags & b > 0) for n, b in bits.items()},
        }  # fmt: skip

    def _icmp_counters(self, p: dict, bit: int) -> dict | None:
        if p["flags"] & r.QUOTED:
            kind, code = p["quoted_mask"] >> 8, p["quoted_mask"] & 0xFF
        elif p["flags"] & r.HAS_ICMP and not p["quoted_mask"] >> bit & 1:
            kind, code = p["icmp_type"], p["icmp_code"]
        else:
            return None
        return {"messages": 1, icmp_column(p["ip_version"], kind, code): 1}


V4 = {0: "echo_replies", 3: "destination_unreachable", 4: "source_quench", 5: "redirect", 8: "echo_requests",
      9: "neighbor_discovery", 10: "neighbor_discovery", 11: "time_exceeded", 12: "parameter_problem"}  # fmt: skip
V6 = {1: "destination_unreachable", 2: "packet_too_big", 3: "time_exceeded", 4: "parameter_problem", 128: "echo_requests",
      129: "echo_replies", 133: "neighbor_discovery", 134: "neighbor_discovery", 135: "neighbor_discovery",
      136: "neighbor_discovery", 137: "redirect"}  # fmt: skip


def icmp_column(version: int, kind: int, code: int) -> str:
    if (version, kind, code) == (4, 3, 4):
        return "packet_too_big"
    return (V4 if version == 4 else V6).get(kind, "other")


assert {*V4.values(), *V6.values()} <= {c.name for c in ICMP_COUNTERS.columns}
