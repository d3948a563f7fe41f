"""Data records of NetFlow v9 and IPFIX as flow records, for many sets of one template at once."""

from __future__ import annotations

import numpy as np

from tmon_collector.netflow.layout import Layout
from tmon_collector.netflow.records import mapped, records, reversed_flows
from tmon_collector.netflow.times import start_and_end

_COUNTS = {"octets": ("octets", "octets_total", "octets_out"), "packets": ("packets", "packets_total", "packets_out"),
           "reverse_octets": ("reverse_octets", "reverse_octets_total"),
           "reverse_packets": ("reverse_packets", "reverse_packets_total")}
_PORTS = {"src_port": ("src_port", "tcp_src_port", "udp_src_port"), "dst_port": ("dst_port", "tcp_dst_port", "udp_dst_port")}
_MOST = np.uint64(1 << 62)


def decode(layout: Layout, exporter: int, export_ms: np.ndarray,
           uptime_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(flows, told, origin): of n records of a template m flow records, those of reverse directions (RFC 5103) behind the others.
    A direction of a biflow in which nothing went is none.

    flows               RECORD (m,); times are the exporter's; nothing is multiplied for sampling
    told                bool (m,): whether the times are told
    origin              int64 (m,): of which of the n records each is

    export_ms, uptime_ms    int64 (n,): of the messages
    """
    flows = records(layout.rows)
    flows["exporter"] = exporter
    for side in ("src", "dst"):
        flows[f"{side}_addr"] = _addresses(layout, side, flows[f"{side}_addr"])
        for name in _PORTS[f"{side}_port"]:
            if name in layout:
                flows[f"{side}_port"] = np.minimum(layout.numbers(name), 0xFFFF)
                break
    if "protocol" in layout:
        numbers = layout.numbers("protocol")
        flows["protocol"] = np.where(numbers < 256, numbers, 255).astype(np.int16)
    flows["start_ms"], flows["end_ms"], told = start_and_end(layout, export_ms, uptime_ms)
    flows["octets"], flows["packets"] = _count(layout, "octets"), _count(layout, "packets")
    if not any(name in layout for key in ("reverse_octets", "reverse_packets") for name in _COUNTS[key]):
        return flows, told, np.arange(layout.rows)
    back = reversed_flows(flows)
    back["octets"], back["packets"] = _count(layout, "reverse_octets"), _count(layout, "reverse_packets")
    came_back = (back["octets"] > 0) | (back["packets"] > 0)
    there = np.flatnonzero((flows["octets"] > 0) | (flows["packets"] > 0) | ~came_back)
    origin = np.concatenate((there, np.flatnonzero(came_back)))
    return np.concatenate((flows[there], back[came_back])), told[origin], origin


def _count(layout: Layout, key: str) -> np.ndarray:
    for name in _COUNTS[key]:
        if name in layout:
            return np.minimum(layout.numbers(name), _MOST).astype(np.int64)
    return np.zeros(layout.rows, np.int64)


def _addresses(layout: Layout, side: str, none: np.ndarray) -> np.ndarray:
    """Where a template has both, the IPv4 one counts unless it is 0.0.0.0 and the IPv6 one is not ::."""
    v4, v6 = f"{side}_v4", f"{side}_v6"
    if v6 in layout:
        long = layout.addresses(v6)
        if v4 not in layout:
            return long
        short = layout.numbers(v4)
        return np.where(((short == 0) & long.any(axis=1))[:, None], long, mapped(short))
    return mapped(layout.numbers(v4)) if v4 in layout else none
