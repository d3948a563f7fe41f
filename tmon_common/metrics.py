"""What may be compared with a threshold: each metric declared once, computed from rows of one kind.

Adding one is one declaration in METRICS: the configuration, its checks, the collector and docs/thresholds.md take it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tmon_common.observations import (
    DNS_TRANSACTION,
    FTP_COUNTERS,
    ICMP_COUNTERS,
    IP_COUNTERS,
    ONE_WAY_COUNTERS,
    ONE_WAY_DELAY_BUCKET,
    ROUND_TRIP_BUCKET,
    ROUND_TRIP_HISTOGRAM,
    TCP_CONNECTION,
    TCP_COUNTERS,
    UDP_COUNTERS,
    Kind,
)


class Unit(Enum):
    """Of a metric's values; text: how events and documents write it."""

    BIT_RATE = "bit/s"
    PER_SECOND = "/s"
    RATIO = ""
    SECONDS = "s"
    COUNT = " per interval"


class Form(Enum):
    """How the rows of an interval become one value."""

    RATE = "rate"  # sum over time: 0 when nothing was counted
    COUNT = "count"  # sum: 0 when nothing was counted
    RATIO = "ratio"  # sum over sum: no value without anything to divide by
    PERCENTILE = "percentile"  # of the times that were measured: no value without any

    @property
    def from_nothing(self) -> bool:
        """Whether an interval without rows has a value, zero."""
        return self in (Form.RATE, Form.COUNT)


@dataclass(frozen=True)
class Rows:
    """Counts rows instead of adding a column up: those whose `column` is empty (absent), or has a text that is none of `but`."""

    column: str = ""
    absent: bool = False
    but: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metric:
    """A metric. Of a column with a reverse one, both directions are taken; empty columns count as 0.

    kind, analysis      rows it is computed from; the analysis of a class that makes them
    of, out_of          columns to add up, or Rows to count; out_of: of ratios only. Percentiles without `bucket`: columns of times
    scale               the sum is multiplied by it
    time                column that tells the interval a row belongs to
    bucket              percentiles: column with the number of a log-spaced bucket, `of` then holds the counts
    services            column and texts of it that a threshold chooses one of
    without             (column, text): rows with that text are left out
    """

    name: str
    meaning: str
    unit: Unit
    form: Form
    kind: Kind
    analysis: str
    of: tuple[str | Rows, ...]
    out_of: tuple[str | Rows, ...] = ()
    scale: int = 1
    time: str = "start"
    bucket: str = ""
    services: tuple[str, tuple[str, ...]] = ("", ())
    without: tuple[str, str] | None = None


SERVICES = ("metric", ("icmp_echo", "dns", "snmp", "ntp", "tcp_handshake_server", "tcp_handshake_client", "tcp_timestamps",
                       "tcp_data"))
_INTERIM = ("ended_by", "interim")  # the row of the connection's end tells it all again
_ICMP_ERRORS = ("destination_unreachable", "packet_too_big", "time_exceeded", "parameter_problem")
_FTP_FAILED = tuple(f"{what}_{how}" for what in ("retrievals", "stores", "listings") for how in ("failed", "refused"))
_FTP_OTHERS = tuple(f"{what}_{how}" for what in ("retrievals", "stores", "listings") for how in ("completed", "aborted"))


def _rate(name: str, meaning: str, kind: Kind, *of: str, unit: Unit = Unit.PER_SECOND, scale: int = 1) -> Metric:
    return Metric(name, meaning, unit, Form.RATE, kind, kind.name, of, scale=scale)


METRICS: Mapping[str, Metric] = {m.name: m for m in (
    _rate("octet_rate", "octets of IP packets, as bit/s", IP_COUNTERS, "octets", unit=Unit.BIT_RATE, scale=8),
    _rate("packet_rate", "IP packets", IP_COUNTERS, "packets"),
    Metric("fragment_ratio", "IP packets that are fragments, of all", Unit.RATIO, Form.RATIO, IP_COUNTERS, "ip_counters",
           ("fragments",), ("packets",)),
    _rate("datagram_rate", "UDP datagrams", UDP_COUNTERS, "datagrams"),
    _rate("syn_rate", "TCP segments with SYN", TCP_COUNTERS, "syn"),
    _rate("reset_rate", "TCP segments with RST", TCP_COUNTERS, "rst"),
    _rate("icmp_error_rate", "ICMP errors: destination unreachable, packet too big, time exceeded, parameter problem",
          ICMP_COUNTERS, *_ICMP_ERRORS),
    Metric("round_trip", "round trips of one service", Unit.SECONDS, Form.PERCENTILE, ROUND_TRIP_BUCKET, "round_trip", ("count",),
           bucket="bucket", services=SERVICES),
    Metric("unanswered_ratio", "requests to one service without an answer, of all", Unit.RATIO, Form.RATIO, ROUND_TRIP_HISTOGRAM,
           "round_trip", ("unanswered",), ("unanswered", "population"), services=SERVICES),
    Metric("error_ratio", "answers of one service with an error code, of all answers", Unit.RATIO, Form.RATIO, ROUND_TRIP_HISTOGRAM,
           "round_trip", ("errors",), ("population",), services=SERVICES),
    Metric("tcp_retransmission_ratio", "TCP segments sent again, of those with data, of the connections that ended in the interval",
           Unit.RATIO, Form.RATIO, TCP_CONNECTION, "tcp_connection", ("retransmitted_segments",), ("data_segments",), time="end",
           without=_INTERIM),
    Metric("tcp_missing_ratio", "octets of TCP streams that never passed the probe, of all, of the connections that ended in the "
                                "interval",
           Unit.RATIO, Form.RATIO, TCP_CONNECTION, "tcp_connection", ("missing_octets",), ("missing_octets", "unique_octets"),
           time="end", without=_INTERIM),
    Metric("dns_latency", "DNS queries over UDP, the first of repeated ones, to the response", Unit.SECONDS, Form.PERCENTILE,
           DNS_TRANSACTION, "dns_transaction", ("latency",), time="time"),
    Metric("dns_unanswered_ratio", "DNS queries without a response, of all", Unit.RATIO, Form.RATIO, DNS_TRANSACTION,
           "dns_transaction", (Rows("latency", absent=True),), (Rows(),), time="time"),
    Metric("dns_failure_ratio", "DNS queries whose response code is neither NOERROR nor NXDOMAIN, of all", Unit.RATIO, Form.RATIO,
           DNS_TRANSACTION, "dns_transaction", (Rows("rcode", but=("NOERROR", "NXDOMAIN")),), (Rows(),), time="time"),
    Metric("ftp_failures", "FTP transfers that the server refused, that lost their connection or timed out", Unit.COUNT, Form.COUNT,
           FTP_COUNTERS, "ftp", _FTP_FAILED),
    Metric("ftp_failure_ratio", "the same, of all FTP transfers", Unit.RATIO, Form.RATIO, FTP_COUNTERS, "ftp", _FTP_FAILED,
           (*_FTP_FAILED, *_FTP_OTHERS)),
    Metric("ftp_login_refused_ratio", "FTP logins refused, of all", Unit.RATIO, Form.RATIO, FTP_COUNTERS, "ftp",
           ("logins_refused",), ("logins_refused", "logins")),
    Metric("one_way_delay", "one-way delays, raw, between all pairs of hops of the class's latencies", Unit.SECONDS,
           Form.PERCENTILE, ONE_WAY_DELAY_BUCKET, "one_way", ("count",), bucket="bucket"),
    Metric("one_way_loss_ratio", "packets lost on their way, of those that are known to have arrived or not", Unit.RATIO,
           Form.RATIO, ONE_WAY_COUNTERS, "one_way", ("lost",), ("lost", "complete", "missed")),
)}
"""In the order of the documents."""


def text_of(value: float, unit: Unit) -> str:
    """A value for people: "2.35 Mbit/s", "1.2 %", "83 ms"."""
    if unit is Unit.RATIO:
        return f"{value * 100:.3g} %"
    if unit is Unit.SECONDS:
        factor, name = next(((f, n) for f, n in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if abs(value) >= f), (1e-9, "ns"))
        return f"{value / factor:.3g} {name}"
    if unit is Unit.BIT_RATE:
        factor, name = next(((f, n) for f, n in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")) if value >= f), (1, "bit/s"))
        return f"{value / factor:.3g} {name}"
    return f"{value:,.0f}{unit.value}" if value >= 1000 else f"{value:.3g}{unit.value}"
