"""Counters of a flow over one interval. Each value of an interval is one sample."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.kind import Kind

FLOW_INTERVAL = (
    Column("flow", Type.INTEGER, "number of the flow within the probe's run, see flow_definition", merge=Merge.KEY,
           reference="RFC 7012 flowId (148)"),
    Column("start", Type.TIME, "start of the observation interval, a multiple of its length", unit="s", merge=Merge.KEY),
    Column("end", Type.TIME, "end of the observation interval, not part of it", unit="s"),
)
"""First columns of every kind that is counted per flow and interval."""


def _count(name: str, meaning: str, unit: str = "packets", reference: str = "") -> Column:
    """A counter of both directions."""
    return Column(name, Type.INTEGER, meaning, unit=unit, merge=Merge.SAMPLE, reference=reference, reverse=True)


IP_COUNTERS = Kind(
    name="ip_counters",
    number=16,
    meaning="IP packets and octets of a flow in an interval.",
    columns=(
        *FLOW_INTERVAL,
        _count("packets", "IP packets", reference="RFC 7012 packetDeltaCount (2)"),
        _count("octets", "octets of the IP packets, headers included (IP total length)", unit="octets",
               reference="RFC 7012 octetDeltaCount (1)"),
        _count("fragments", "packets that are fragments of a datagram", reference="RFC 791 section 3.2, RFC 8200 section 4.5"),
    ),
)

UDP_COUNTERS = Kind(
    name="udp_counters",
    number=18,
    meaning="UDP datagrams of a flow in an interval.",
    columns=(
        *FLOW_INTERVAL,
        _count("datagrams", "datagrams (a fragmented one is counted at its first fragment)", unit="datagrams",
               reference="RFC 768"),
        _count("payload_octets", "octets of UDP payload, by the UDP length field", unit="octets", reference="RFC 768"),
        _count("empty_datagrams", "datagrams without payload", unit="datagrams"),
        _count("no_checksum", "datagrams whose checksum is zero: not computed by the sender", unit="datagrams",
               reference="RFC 768, RFC 6935"),
    ),
)

TCP_COUNTERS = Kind(
    name="tcp_counters",
    number=19,
    meaning="TCP segments of a flow in an interval.",
    columns=(
        *FLOW_INTERVAL,
        _count("segments", "segments", unit="segments", reference="RFC 9293"),
        _count("payload_octets", "octets of TCP payload, retransmitted ones included", unit="octets"),
        _count("data_segments", "segments that carry payload", unit="segments"),
        _count("pure_acks", "segments with ACK, without payload, SYN, FIN or RST", unit="segments"),
        _count("syn", "segments with SYN", unit="segments", reference="RFC 7012 tcpSynTotalCount (218)"),
        _count("fin", "segments with FIN", unit="segments", reference="RFC 7012 tcpFinTotalCount (219)"),
        _count("rst", "segments with RST", unit="segments", reference="RFC 7012 tcpRstTotalCount (220)"),
        _count("psh", "segments with PSH", unit="segments", reference="RFC 7012 tcpPshTotalCount (221)"),
        _count("urg", "segments with URG", unit="segments", reference="RFC 7012 tcpUrgTotalCount (223)"),
        _count("zero_windows", "segments that advertise a window of zero (RST not counted)", unit="segments",
               reference="RFC 9293 section 3.8.6"),
        _count("ece", "segments with ECE", unit="segments", reference="RFC 3168 section 6.1"),
        _count("cwr", "segments with CWR", unit="segments", reference="RFC 3168 section 6.1"),
    ),
)

ICMP_COUNTERS = Kind(
    name="icmp_counters",
    number=17,
    meaning="ICMP and ICMPv6 messages of a flow in an interval. An error is credited to the flow whose packet it quotes, in the "
            "direction of that packet, where a class holds that flow; else to the flow of the error itself.",
    columns=(
        *FLOW_INTERVAL,
        _count("messages", "messages of any type", unit="messages", reference="RFC 792, RFC 4443"),
        _count("echo_requests", "Echo Request", unit="messages", reference="RFC 792 type 8, RFC 4443 type 128"),
        _count("echo_replies", "Echo Reply", unit="messages", reference="RFC 792 type 0, RFC 4443 type 129"),
        _count("destination_unreachable", "Destination Unreachable of any code but `fragmentation needed`", unit="messages",
               reference="RFC 792 type 3, RFC 4443 type 1"),
        _count("packet_too_big", "Packet Too Big; in IPv4 Destination Unreachable, fragmentation needed", unit="messages",
               reference="RFC 1191 section 4, RFC 4443 type 2"),
        _count("time_exceeded", "Time Exceeded", unit="messages", reference="RFC 792 type 11, RFC 4443 type 3"),
        _count("parameter_problem", "Parameter Problem", unit="messages", reference="RFC 792 type 12, RFC 4443 type 4"),
        _count("redirect", "Redirect", unit="messages", reference="RFC 792 type 5, RFC 4861 section 4.5"),
        _count("source_quench", "Source Quench (deprecated)", unit="messages", reference="RFC 792 type 4, RFC 6633"),
        _count("neighbor_discovery", "Router and Neighbor Solicitation and Advertisement", unit="messages",
               reference="RFC 4861 sections 4.1 to 4.4, RFC 1256"),
        _count("other", "messages of any other type", unit="messages"),
    ),
)
