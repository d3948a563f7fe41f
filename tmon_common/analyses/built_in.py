"""The analyses that come with trafMon. pyproject.toml names them as entry points, as a plug-in names its own."""

from tmon_common import observations as kinds
from tmon_common.analyses.declaration import AnalysisDeclaration, Option
from tmon_common.config.model import SECOND
from tmon_common.config.quantities import parse_bit_rate, parse_count, parse_duration, parse_octets

_ANALYSERS = "tmon_probe.child.analysers"
_HOUR = 3600 * SECOND
METRICS = ("icmp_echo", "dns", "snmp", "ntp", "tcp_handshake_server", "tcp_handshake_client", "tcp_timestamps", "tcp_data")
"""Round trips that are known; the number of a metric is its position."""


def _flag(name: str, meaning: str, default: str = "no") -> Option:
    return Option(name, default, meaning, lambda text: text == "yes", ("yes", "no"))


def _duration(name: str, default: str, meaning: str, longest_ns: int) -> Option:
    return Option(name, default, meaning, lambda text: parse_duration(text, SECOND // 1000, longest_ns))


def _metrics(text: str) -> frozenset[str]:
    names = text.split()
    if not names:
        raise ValueError(f"expected some of {' '.join(METRICS)}")
    for name in names:
        if name not in METRICS:
            raise ValueError(f'there is no metric "{name}"; expected some of {" ".join(METRICS)}')
    return frozenset(names)


IP_COUNTERS = AnalysisDeclaration(
    "ip_counters", "packets, octets, fragments", f"{_ANALYSERS}.ip_counters:IpCounters", (kinds.IP_COUNTERS,))
IP_SIZES = AnalysisDeclaration(
    "ip_sizes", "histogram of IP packet sizes", f"{_ANALYSERS}.ip_sizes:IpSizes", (kinds.IP_SIZES,), histogram_unit="octets")
UDP_COUNTERS = AnalysisDeclaration(
    "udp_counters", "datagrams and payload", f"{_ANALYSERS}.udp_counters:UdpCounters", (kinds.UDP_COUNTERS,))
TCP_COUNTERS = AnalysisDeclaration(
    "tcp_counters", "segments, payload, flags", f"{_ANALYSERS}.tcp_counters:TcpCounters", (kinds.TCP_COUNTERS,))
ICMP_COUNTERS = AnalysisDeclaration(
    "icmp_counters", "ICMP and ICMPv6 messages by type; errors count for the flow whose packet they quote",
    f"{_ANALYSERS}.icmp_counters:IcmpCounters", (kinds.ICMP_COUNTERS,))

TCP_CONNECTION = AnalysisDeclaration(
    "tcp_connection", "every TCP connection: times, volume, losses, round trips, windows",
    f"{_ANALYSERS}.tcp_connection:TcpConnection", (kinds.TCP_CONNECTION,),
    (
        Option("mode", "all", "boundaries: duration and volume are taken from the sequence numbers of SYN, FIN and RST alone",
               values=("all", "boundaries")),
        _duration("idle_timeout", "30min", "a connection silent for so long has ended", 24 * _HOUR),
        _duration("half_open_timeout", "1min", "the same where the handshake is not complete", 24 * _HOUR),
        _duration("linger", "10s", "what comes so much later than the end still belongs to the connection", _HOUR),
        _duration("interim", "1h", "a connection that lasts gets a row so often", 24 * _HOUR),
        Option("max_connections", "1M", "connections known at a time; beyond that the oldest half-open one goes first, then the "
                                        "one silent for longest", lambda text: parse_count(text, 1024, 64 << 20)),
        Option("line_rate", "1Gbit/s", "mode boundaries: what the line can carry; a connection that could have moved 4 GiB has no "
                                       "octets",
               parse_bit_rate),
    ))

ROUND_TRIP = AnalysisDeclaration(
    "round_trip", "round trips of ICMP echo, DNS, SNMP, NTP and TCP, per server", f"{_ANALYSERS}.round_trip:RoundTrip",
    (kinds.ROUND_TRIP_HISTOGRAM, kinds.ROUND_TRIP_BUCKET, kinds.ROUND_TRIP),
    (
        _flag("records", "yes: also a row of the kind round_trip for every single one"),
        Option("metrics", " ".join(METRICS), "which of them", _metrics),
        _duration("timeout", "10s", "a request without an answer for so long is unanswered", 600 * SECOND),
        Option("max_requests", "256k", "requests waiting for an answer at a time; beyond that the oldest are given up",
               lambda text: parse_count(text, 1024, 16 << 20)),
    ), histogram_unit="ns")

FTP = AnalysisDeclaration(
    "ftp", "FTP sessions and each of their transfers, passive data connections included", f"{_ANALYSERS}.ftp:Ftp",
    (kinds.FTP_TRANSFER, kinds.FTP_COUNTERS),
    (
        Option("mode", "all", "boundaries: of data connections only SYN, FIN and RST are looked at", values=("all", "boundaries")),
        _duration("idle_timeout", "1h", "a session silent for so long has ended", 24 * _HOUR),
        Option("max_sessions", "16k", "sessions known at a time; beyond that the one silent for longest goes",
               lambda text: parse_count(text, 16, 1 << 20)),
    ))

DNS_TRANSACTION = AnalysisDeclaration(
    "dns_transaction", "every DNS query over UDP, port 53, with its name, type, response code, answers and latency",
    f"{_ANALYSERS}.dns_transaction:DnsTransaction", (kinds.DNS_TRANSACTION,),
    (
        _duration("timeout", "10s", "a query without a response for so long is unanswered", 600 * SECOND),
        Option("max_queries", "64k", "queries waiting for a response at a time; beyond that the oldest are given up",
               lambda text: parse_count(text, 64, 16 << 20)),
    ), standard=False)

ONE_WAY = AnalysisDeclaration(
    "one_way", "every packet followed from hop to hop: its delay, or where it was lost. Asked for by <one_way> "
               "(configuration.md), which sets the options; probes tell digests and times, collectors make the rest of them",
    f"{_ANALYSERS}.one_way:OneWayObserver",
    (kinds.ONE_WAY_OBSERVATION,),
    (
        _flag("nat", "yes: digests leave out what address translation changes"),
        Option("algorithm", "fast64", "of the digest", values=("fast64", "md5")),
        Option("hashed_octets", "65535", "octets of transport header and what follows that are hashed, at most",
               lambda text: parse_octets(text, 0, 65_535)),
        Option("per", "packet", "packet: a fragment is one; datagram: put together again first", values=("packet", "datagram")),
        _flag("ntp", "yes: timestamps of NTP packets are told, too"),
    ), standard=False)

ALL = (IP_COUNTERS, IP_SIZES, UDP_COUNTERS, TCP_COUNTERS, ICMP_COUNTERS, TCP_CONNECTION, ROUND_TRIP, FTP, DNS_TRANSACTION,
       ONE_WAY)
