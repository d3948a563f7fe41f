"""Octets that rows take on the wire, from a publisher that fills its PDUs as in service."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks import other_encodings
from tmon_common.config.model import SECOND, Publication
from tmon_common.observations import Rows, Type
from tmon_common.pdu.ack import pack_acks
from tmon_common.pdu.header import HEADER_OCTETS, new_run
from tmon_common.pdu.keys import new_key
from tmon_common.pdu.seal import TAG_OCTETS
from tmon_common.pdu.session import ProbeSession
from tmon_probe.publish.publisher import Publisher

PORTION_NS = 5 * SECOND
"""Rows whose time is in one such stretch are handed over together, then the PDU is closed: `max_build` by its default."""


@dataclass(frozen=True)
class WireCost:
    """Octets of UDP payload that `rows` rows took: ours, sealed, answers apart; and those of others, not sealed."""

    kind: str
    rows: int
    pdus: int
    octets: int
    ipfix: int
    ipfix_reduced: int
    json_gzip: int


def cost_of(rows: Rows, max_pdu: int) -> WireCost:
    portions = list(_portions(rows))
    pdus = octets = 0
    publisher = _publisher(max_pdu)
    for portion in portions:
        publisher.add(portion, 0)
        publisher.flush(0)
        while datagrams := publisher.datagrams_to_send(0, 0):
            pdus += len(datagrams)
            octets += sum(map(len, datagrams))
    return WireCost(rows.kind.name, len(rows), pdus, octets, sum(other_encodings.ipfix(p, max_pdu) for p in portions),
                    sum(other_encodings.ipfix(p, max_pdu, reduced=True) for p in portions),
                    sum(map(other_encodings.json_gzip, portions)))


def ack_octets(pdus: int) -> int:
    """Of answers if each PDU is acknowledged alone, the most there can be."""
    return pdus * (HEADER_OCTETS + len(pack_acks([0])[0]) + TAG_OCTETS)


def _publisher(max_pdu: int) -> Publisher:
    parameters = Publication("collector", "127.0.0.1", 9, max_pdu_octets=max_pdu, min_gap_ns=0, window=1 << 16, heartbeat_ns=0,
                             initial_timeout_ns=10**15, final_timeout_ns=10**18, queue_octets=1 << 34)
    publisher = Publisher(parameters, ProbeSession("probe", new_run(0), "collector", (new_key(""),)))
    publisher._window._size = float(1 << 16)  # nobody acknowledges here
    return publisher


def _portions(rows: Rows):
    """By the time at which rows are told: `end`, else their first time."""
    times = [c.name for c in rows.kind.expanded if c.type is Type.TIME]
    name = "end" if "end" in times else times[0] if times else None
    if name is None:
        yield rows
        return
    stretch = rows.values[name] // PORTION_NS
    order = np.argsort(stretch, kind="stable")
    cuts = np.flatnonzero(np.diff(stretch[order])) + 1
    for part in np.split(order, cuts):
        yield Rows(rows.kind, rows.values[part], rows.strings)
