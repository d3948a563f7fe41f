"""The declarations of the observation kinds: what everything derived from them relies on."""

import re

import numpy as np
import pytest

from tmon_common.observations import KINDS, KINDS_BY_NUMBER, SOURCE_COLUMNS, Kind, Merge, Type

NAMES = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)

REQUIRED = {
    "flow_definition": ("probe", "run", "flow", "flow_class", "interface", "src_addr", "dst_addr", "protocol", "src_port",
                        "dst_port", "bidirectional"),
    "ip_counters": ("probe", "run", "flow", "start", "end", "packets", "octets", "packets_rev", "octets_rev"),
    "tcp_counters": ("probe", "run", "flow", "start", "end"),
    "udp_counters": ("probe", "run", "flow", "start", "end"),
    "icmp_counters": ("probe", "run", "flow", "start", "end"),
    "round_trip": ("probe", "run", "flow", "time", "metric", "requester_addr", "responder_addr", "identifier", "round_trip",
                   "outcome"),
    "tcp_connection": (
        "client_addr", "client_port", "server_addr", "server_port", "start", "established", "end", "ended_by", "from_start",
        *(f"{name}{way}" for way in ("", "_rev") for name in (
            "segments", "octets", "unique_octets", "retransmitted_segments", "retransmitted_octets", "out_of_order_segments",
            "duplicate_acks", "rtt_min", "rtt_mean", "rtt_max", "window_scale", "mss")),
        "handshake_server_rtt", "handshake_client_rtt"),
    "ftp_transfer": ("session", "client_addr", "server_addr", "user", "command", "path", "mode", "data_port", "restart_offset",
                     "octets",
                     "start", "end", "outcome", "reply_code"),
}
"""Columns that other tools rely on, spelled so."""

FROZEN = {
    "flow_definition": ("flow", "flow_class", "interface", "src_addr", "dst_addr", "protocol", "src_port", "dst_port",
                        "bidirectional", "vlan", "dscp", "first_seen"),
    "histogram_definition": ("histogram", "slice", "unit", "lower", "upper"),
    "event": ("time", "component", "host", "severity", "code", "subject", "text", "details"),
    "probe_clock": ("time", "collector", "offset_low", "offset_high", "round_trip", "heartbeats", "steps"),
    "ip_counters": ("flow", "start", "end", "packets", "octets", "fragments"),
    "icmp_counters": ("flow", "start", "end", "messages", "echo_requests", "echo_replies", "destination_unreachable",
                      "packet_too_big", "time_exceeded", "parameter_problem", "redirect", "source_quench", "neighbor_discovery",
                      "other"),
    "udp_counters": ("flow", "start", "end", "datagrams", "payload_octets", "empty_datagrams", "no_checksum"),
    "tcp_counters": ("flow", "start", "end", "segments", "payload_octets", "data_segments", "pure_acks", "syn", "fin", "rst", "psh",
                     "urg", "zero_windows", "ece", "cwr"),
    "ip_sizes": ("flow", "start", "end", "histogram", "population", "sum", "sum_of_squares", "minimum", "maximum", "slice"),
}
"""First columns of each kind as they once were sent: more may follow, these stay."""

NUMBERS = {"flow_definition": 1, "histogram_definition": 2, "event": 3, "probe_clock": 4, "ip_counters": 16, "icmp_counters": 17,
           "udp_counters": 18, "tcp_counters": 19, "ip_sizes": 20, "tcp_connection": 24, "round_trip": 25,
           "round_trip_histogram": 26,
           "round_trip_bucket": 27, "ftp_transfer": 28, "ftp_counters": 29, "dns_transaction": 30}


def test_names_and_numbers_are_unique():
    """A kind is found by its name and by its number."""
    assert {k.name for k in KINDS.values()} == set(KINDS)
    assert {k.number for k in KINDS.values()} == set(KINDS_BY_NUMBER)
    assert len(KINDS) == len(KINDS_BY_NUMBER)


def test_numbers_stay():
    """PDUs name kinds by number."""
    assert {n: KINDS[n].number for n in NUMBERS} == NUMBERS


@pytest.mark.parametrize("name", FROZEN)
def test_columns_are_only_appended(name):
    """PDUs know columns by position."""
    assert tuple(c.name for c in KINDS[name].columns)[:len(FROZEN[name])] == FROZEN[name]


@pytest.mark.parametrize("name", REQUIRED)
def test_columns_that_others_rely_on(name):
    """They exist, spelled so."""
    assert set(REQUIRED[name]) <= set(KINDS[name].header)


@pytest.mark.parametrize("name", ["tcp_counters", "udp_counters", "icmp_counters", "ip_counters"])
def test_counts_have_both_directions(name):
    """Every count is followed by its reverse."""
    counts = KINDS[name].header[5:]
    assert [f"{n}_rev" for n in counts[::2]] == list(counts[1::2])


@NAMES
def test_names_are_identifiers(kind: Kind):
    """Lower case, no name twice: they become columns of files, tables and MIBs."""
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", n) for n in (kind.name, *kind.header))
    assert len(set(kind.header)) == len(kind.header)
    assert 0 < kind.number < 0x8000


@NAMES
def test_header_and_memory_agree(kind: Kind):
    """The header is the source columns, then the fields in memory."""
    assert kind.header == (*(c.name for c in SOURCE_COLUMNS), *kind.dtype.names)
    assert [c.name for c in kind.expanded] == list(kind.dtype.names)


@NAMES
def test_memory_is_words(kind: Kind):
    """Every value is one or two int64 words and nothing lies between them, so that one kernel packs every kind."""
    offset = 0
    for column in kind.expanded:
        field, at = kind.dtype.fields[column.name][:2]
        assert field.base == np.dtype("<i8")
        assert at == offset == 8 * kind.word_of(column.name)
        assert field.itemsize == 8 * column.type.words
        offset += field.itemsize
    assert kind.dtype.itemsize == offset == 8 * kind.words


@NAMES
def test_columns_are_described(kind: Kind):
    """A meaning each; times in seconds; what is added up is a number and never a time or a text."""
    for column in kind.columns:
        assert column.meaning
        if column.type is Type.TIME:
            assert column.unit == "s"
        if column.merge not in (Merge.KEY, Merge.ATTRIBUTE):
            assert column.type in (Type.INTEGER, Type.DURATION)
        if column.merge is Merge.KEY:
            assert not column.nullable


def test_unknown_column():
    """KeyError names it."""
    with pytest.raises(KeyError, match="nonsense"):
        KINDS["ip_counters"].word_of("nonsense")
