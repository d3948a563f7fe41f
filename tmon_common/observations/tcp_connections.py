"""TCP connections, from the first segment seen to the last."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.kind import Kind


def _count(name: str, meaning: str, unit: str = "", reference: str = "") -> Column:
    """Of both directions."""
    return Column(name, Type.INTEGER, meaning, unit=unit, reference=reference, reverse=True)


def _measured(name: str, meaning: str, unit: str = "", reference: str = "") -> Column:
    """A count that takes every segment."""
    return Column(name, Type.INTEGER, meaning, unit=unit, reference=reference, reverse=True, nullable=True)


def _rtt(name: str, meaning: str, reference: str = "") -> Column:
    return Column(name, Type.DURATION, meaning, unit="s", nullable=True, reverse=True, reference=reference)


TCP_CONNECTION = Kind(
    name="tcp_connection",
    number=24,
    meaning="A TCP connection that ended, or (ended_by interim) what is known so far of a long one. Columns without `_rev` are "
            "about what the client sends, those with it about what the server sends. With mode=\"boundaries\" all is empty that "
            "only other segments than SYN, FIN and RST could tell.",
    columns=(
        Column("flow", Type.INTEGER, "number of the flow within the probe's run, see flow_definition", merge=Merge.KEY,
               reference="RFC 7012 flowId (148)"),
        Column("client_addr", Type.ADDRESS, "who opened it; picked up in the middle: who has the higher port"),
        Column("client_port", Type.INTEGER, "its port"),
        Column("server_addr", Type.ADDRESS, "the other"),
        Column("server_port", Type.INTEGER, "its port"),
        Column("start", Type.TIME, "first segment seen", unit="s", merge=Merge.KEY),
        Column("established", Type.TIME, "the handshake was complete: ACK of the SYN-ACK; empty if that was not seen", unit="s",
               nullable=True, reference="RFC 9293 section 3.5"),
        Column("end", Type.TIME, "last segment seen", unit="s"),
        Column("ended_by", Type.STRING, "fin (both ways), rst, timeout (idle), capture_end, replaced (a new one with the same "
                                        "addresses and ports), evicted (for want of room), interim (it goes on)"),
        Column("closed_by", Type.STRING, "who sent the first FIN or RST: client, server; empty without any", nullable=True),
        Column("from_start", Type.INTEGER, "1: seen from its SYN on; 0: picked up in the middle"),
        Column("simultaneous_open", Type.INTEGER, "1: both sides sent a SYN before they got one", reference="RFC 9293 section 3.5"),
        _count("segments", "segments; with mode=\"boundaries\" those with SYN, FIN or RST", "segments"),
        _measured("data_segments", "segments with payload, keep-alives apart", "segments"),
        Column("octets", Type.INTEGER, "payload octets, repeated ones included, keep-alives apart; with mode=\"boundaries\" by "
                                       "the sequence numbers, empty if these cannot tell: 4 GiB or more may have gone by",
               unit="octets", reverse=True, nullable=True),
        Column("unique_octets", Type.INTEGER, "octets of sequence space that were seen, each once", unit="octets", reverse=True,
               nullable=True),
        _measured("missing_octets", "octets of sequence space between those seen that never were: lost before the probe, or by "
                                    "the capture",
               "octets"),
        _measured("retransmitted_segments", "segments with octets that had been seen before; keep-alives are none", "segments",
               "RFC 4898 tcpEStatsPerfSegsRetrans"),
        _measured("retransmitted_octets", "those octets; SYN and FIN are none", "octets", "RFC 4898 tcpEStatsPerfOctetsRetrans"),
        _measured("out_of_order_segments", "segments with new octets that others had overtaken", "segments", "RFC 4737 section 3"),
        _measured("duplicate_acks", "acknowledgements that tell of a gap", "segments", "RFC 5681 section 2"),
        _measured("sack_blocks", "selective acknowledgement blocks", "blocks", "RFC 2018 section 3"),
        _measured("keep_alives", "segments that only ask whether the other is there: no octet, or one that was acknowledged",
               "segments", "RFC 1122 section 4.2.3.6"),
        _count("syn_segments", "segments with SYN: more than one tells of a slow or deaf peer", "segments"),
        _measured("zero_windows", "times that the window was closed", "times", "RFC 9293 section 3.8.6"),
        Column("zero_window_time", Type.DURATION, "how long it was closed in all", unit="s", reverse=True, nullable=True),
        Column("largest_window", Type.INTEGER, "largest window advertised, scaled where the scale is known", unit="octets",
               reverse=True, nullable=True),
        Column("window_scale", Type.INTEGER, "shift count of the SYN; empty without the option, or without the SYN", reverse=True,
               nullable=True, reference="RFC 7323 section 2"),
        Column("mss", Type.INTEGER, "maximum segment size of the SYN; empty without the option, or without the SYN", unit="octets",
               reverse=True, nullable=True, reference="RFC 9293 section 3.7.1"),
        Column("sack_permitted", Type.INTEGER, "1: the SYN offered selective acknowledgements", reverse=True,
               reference="RFC 2018 section 2"),
        Column("ecn", Type.INTEGER, "1: the handshake agreed on explicit congestion notification",
               reference="RFC 3168 section 6.1"),
        _measured("ce_marked", "segments that a router marked: congestion experienced", "segments", "RFC 3168 section 5"),
        _measured("ece_segments", "segments that echo such a mark (SYN not counted)", "segments", "RFC 3168 section 6.1"),
        Column("handshake_server_rtt", Type.DURATION, "SYN to the first SYN-ACK: between probe and server, twice; of a SYN that "
                                                      "was repeated, from its last copy on", unit="s", nullable=True),
        Column("handshake_client_rtt", Type.DURATION, "SYN-ACK, its last copy, to ACK: between probe and client, twice", unit="s",
               nullable=True),
        _measured("rtt_samples", "round trips of data: segments sent once, nothing before them repeated or late since, to the "
                                 "acknowledgement of just that", "", "RFC 6298 section 3"),
        _rtt("rtt_min", "shortest of them, probe to receiver and back"),
        _rtt("rtt_mean", "their mean"),
        _rtt("rtt_max", "longest"),
        Column("efficiency", Type.RATIO, "unique_octets / octets; empty without payload", reverse=True, nullable=True),
        Column("throughput", Type.INTEGER, "unique octets from the first data segment to the last, per second; empty for a single "
                                           "one",
               unit="bit/s", reverse=True, nullable=True),
        Column("longest_silence", Type.DURATION, "longest time without a segment of either side", unit="s", nullable=True),
    ),
)
