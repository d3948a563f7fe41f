"""Observation kinds, each declared once. `KINDS` is the catalogue; order is that of the documents."""

from tmon_common.observations.clocks import PROBE_CLOCK
from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.counters import ICMP_COUNTERS, IP_COUNTERS, TCP_COUNTERS, UDP_COUNTERS
from tmon_common.observations.definitions import FLOW_DEFINITION, HISTOGRAM_DEFINITION
from tmon_common.observations.dns import DNS_TRANSACTION
from tmon_common.observations.events import EVENT
from tmon_common.observations.ftp import FTP_COUNTERS, FTP_TRANSFER
from tmon_common.observations.kind import ABSENT, SOURCE_COLUMNS, Kind
from tmon_common.observations.netflow import NETFLOW, NETFLOW_CLASS
from tmon_common.observations.one_way import (
    CLOCK_OFFSET,
    ONE_WAY_COUNTERS,
    ONE_WAY_DELAY_BUCKET,
    ONE_WAY_DELAY_HISTOGRAM,
    ONE_WAY_DROPPED,
    ONE_WAY_GAP,
    ONE_WAY_LOST,
    ONE_WAY_MISSED,
    ONE_WAY_OBSERVATION,
    ONE_WAY_PACKET,
)
from tmon_common.observations.round_trips import ROUND_TRIP, ROUND_TRIP_BUCKET, ROUND_TRIP_HISTOGRAM
from tmon_common.observations.rows import Rows
from tmon_common.observations.sizes import IP_SIZES, MAX_SLICES
from tmon_common.observations.tcp_connections import TCP_CONNECTION

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        FLOW_DEFINITION,
        HISTOGRAM_DEFINITION,
        EVENT,
        PROBE_CLOCK,
        IP_COUNTERS,
        IP_SIZES,
        ICMP_COUNTERS,
        UDP_COUNTERS,
        TCP_COUNTERS,
        TCP_CONNECTION,
        ROUND_TRIP,
        ROUND_TRIP_HISTOGRAM,
        ROUND_TRIP_BUCKET,
        FTP_TRANSFER,
        FTP_COUNTERS,
        DNS_TRANSACTION,
        ONE_WAY_OBSERVATION,
        ONE_WAY_GAP,
        ONE_WAY_PACKET,
        ONE_WAY_DELAY_HISTOGRAM,
        ONE_WAY_DELAY_BUCKET,
        ONE_WAY_COUNTERS,
        ONE_WAY_LOST,
        ONE_WAY_DROPPED,
        ONE_WAY_MISSED,
        CLOCK_OFFSET,
        NETFLOW,
    )
}

KINDS_BY_NUMBER: dict[int, Kind] = {kind.number: kind for kind in KINDS.values()}

__all__ = [
    "ABSENT",
    "CLOCK_OFFSET",
    "DNS_TRANSACTION",
    "EVENT",
    "FLOW_DEFINITION",
    "FTP_COUNTERS",
    "FTP_TRANSFER",
    "HISTOGRAM_DEFINITION",
    "ICMP_COUNTERS",
    "IP_COUNTERS",
    "IP_SIZES",
    "KINDS",
    "KINDS_BY_NUMBER",
    "MAX_SLICES",
    "NETFLOW",
    "NETFLOW_CLASS",
    "ONE_WAY_COUNTERS",
    "ONE_WAY_DELAY_BUCKET",
    "ONE_WAY_DELAY_HISTOGRAM",
    "ONE_WAY_DROPPED",
    "ONE_WAY_GAP",
    "ONE_WAY_LOST",
    "ONE_WAY_MISSED",
    "ONE_WAY_OBSERVATION",
    "ONE_WAY_PACKET",
    "PROBE_CLOCK",
    "ROUND_TRIP",
    "ROUND_TRIP_BUCKET",
    "ROUND_TRIP_HISTOGRAM",
    "SOURCE_COLUMNS",
    "TCP_CONNECTION",
    "TCP_COUNTERS",
    "UDP_COUNTERS",
    "Column",
    "Kind",
    "Merge",
    "Rows",
    "Type",
]
