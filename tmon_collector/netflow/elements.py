"""Information elements that are used (RFC 7012, the IANA registry of IPFIX; up to 127 the field types of NetFlow v9, RFC 3954
section 8), each with the name of what it tells. Templates may hold any others: they are stepped over.
"""

from __future__ import annotations

REVERSE_PEN = 29305
"""Enterprise number of elements that count the reverse direction of a biflow (RFC 5103 section 6.1)."""

ELEMENTS = {
    1: "octets", 2: "packets",  # octetDeltaCount, packetDeltaCount
    85: "octets_total", 86: "packets_total",  # since the flow began
    23: "octets_out", 24: "packets_out",  # postOctetDeltaCount, postPacketDeltaCount
    4: "protocol", 7: "src_port", 11: "dst_port",
    180: "udp_src_port", 181: "udp_dst_port", 182: "tcp_src_port", 183: "tcp_dst_port",
    8: "src_v4", 12: "dst_v4", 27: "src_v6", 28: "dst_v6",
    22: "start_uptime", 21: "end_uptime",  # ms since the exporter started
    150: "start_s", 151: "end_s", 152: "start_ms", 153: "end_ms",
    154: "start_us_ntp", 155: "end_us_ntp", 156: "start_ns_ntp", 157: "end_ns_ntp",
    158: "start_before_us", 159: "end_before_us",  # before the export time
    160: "init_ms",  # when the exporter started
    161: "duration_ms", 162: "duration_us",
    34: "sampling_interval", 48: "sampler", 50: "sampler_interval", 302: "selector",
    305: "sampled_packets", 306: "sampled_space", 309: "sampling_size", 310: "sampling_population",
}

REVERSE = {1: "reverse_octets", 2: "reverse_packets", 85: "reverse_octets_total", 86: "reverse_packets_total"}

ADDRESS_OCTETS = {"src_v4": 4, "dst_v4": 4, "src_v6": 16, "dst_v6": 16}
NUMBER_OCTETS = 8
"""Longest number that is understood (RFC 7011 section 6.2: shorter ones than usual are allowed)."""


def meaning(element: int, enterprise: int) -> str:
    """Name of what the element tells; empty: not used."""
    if enterprise == REVERSE_PEN:
        return REVERSE.get(element, "")
    return "" if enterprise else ELEMENTS.get(element, "")
