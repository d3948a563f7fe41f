"""Which port of a flow is its service, and which end offers it.

The table `protocol_port` names the ports that are known, with a precedence. Of the two ports of a flow that of the smaller
precedence is the service; a port that is not known comes behind all that are, one of the dynamic range last. Where both are alike,
the destination of the first packet offers it if both directions are one flow. Else nobody knows whose packet was the first: the
smaller port is taken, which is the same for both directions.
"""

from __future__ import annotations

import sqlalchemy as sa

from tmon_store.volumes.expressions import choice, number, word
from tmon_store.volumes.schema import UNKNOWN

FIRST_DYNAMIC_PORT = 32768
"""From here on systems number the ports of their clients (Linux; IANA says 49152)."""
_UNKNOWN_PORT, _DYNAMIC_PORT = 1_000_000, 2_000_000
"""Precedences of ports without a name."""

PROTOCOL_NAMES = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp",
                  89: "ospf", 132: "sctp", 136: "udplite"}
"""IANA protocol numbers; others are ip/<number>."""
_WITH_PORTS = (6, 17, 33, 132, 136)


def rank_of(port: sa.ColumnElement, precedence: sa.ColumnElement) -> sa.ColumnElement:
    """Smaller is more of a service; NULL without a port."""
    return choice((port.is_(None), sa.null()), (precedence.is_not(None), precedence), (port < number(FIRST_DYNAMIC_PORT), number(
        _UNKNOWN_PORT)), otherwise=number(_DYNAMIC_PORT))


def server_end(row: sa.ColumnCollection) -> sa.ColumnElement:
    """"src" or "dst": which end offers the service, NULL where that cannot be told.

    row: src_addr, dst_addr, src_port, dst_port, src_rank, dst_rank, bidirectional, protocol; ftp_server: address, for data of FTP.
    """
    src, dst = word("src"), word("dst")
    return choice(
        (row.ftp_server.is_not(None), choice((row.dst_addr == row.ftp_server, dst), otherwise=src)),
        (row.protocol.is_(None), sa.null()),
        (sa.and_(row.src_rank.is_(None), row.dst_rank.is_(None)), sa.null()),
        (row.src_rank.is_(None), dst), (row.dst_rank.is_(None), src),
        (row.dst_rank < row.src_rank, dst), (row.src_rank < row.dst_rank, src),
        (row.bidirectional == number(1), dst),
        (sa.or_(row.src_port == row.dst_port, row.dst_rank == number(_DYNAMIC_PORT)), sa.null()),
        (row.dst_port < row.src_port, dst), otherwise=src)


def service_name(row: sa.ColumnCollection) -> sa.ColumnElement:
    """Name of the service: that of the port, or tcp/8081; of a protocol without ports its name.

    row: as above, and server_end, src_service, dst_service.
    """
    known = list(PROTOCOL_NAMES.items())
    protocol = choice(*((row.protocol == number(n), word(name)) for n, name in known),
                      otherwise=sa.func.concat(word("ip/"), _text(row.protocol)))
    of_src = sa.func.coalesce(row.src_service, sa.func.concat(protocol, word("/"), _text(row.src_port)))
    of_dst = sa.func.coalesce(row.dst_service, sa.func.concat(protocol, word("/"), _text(row.dst_port)))
    return choice(
        (row.ftp_server.is_not(None), word("ftp")),
        (row.protocol.is_(None), word(UNKNOWN)),
        (row.server_end == word("dst"), of_dst), (row.server_end == word("src"), of_src),
        (row.src_port == row.dst_port, of_dst),
        (row.protocol.in_([number(n) for n in _WITH_PORTS]), sa.func.concat(protocol, word("/other"))),
        (row.dst_port.is_not(None), sa.func.concat(protocol, word("/other"))), otherwise=protocol)


def _text(value: sa.ColumnElement) -> sa.ColumnElement:
    return sa.cast(value, sa.CHAR(20).with_variant(sa.String(), "postgresql"))
