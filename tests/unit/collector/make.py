"""PDUs and gatherings made by hand."""

from __future__ import annotations

import numpy as np

from tests.keys import RUN, probe_session
from tmon_collector.gathering import Gathering
from tmon_common.observations import IP_COUNTERS, Kind
from tmon_common.pdu.codec import Encoder
from tmon_common.pdu.contents import Observations, pack_observations
from tmon_common.pdu.header import OBSERVATIONS


def payload_of(kind: Kind, words, strings=()):
    encoder = Encoder(kind)
    encoder.offer(list(strings))
    return encoder.encode(np.array(words, np.int64).reshape(-1, kind.words), 0, 9000)


def gathered(kind: Kind, words, strings) -> bytes:
    """Lines of rows that went through PDUs."""
    gathering = Gathering(kind)
    words = np.array(words, np.int64).reshape(-1, kind.words)
    encoder = Encoder(kind)
    encoder.offer(list(strings))
    start = 0
    while start < len(words):
        payload = encoder.encode(words, start, 9000)
        header = Observations(0, 0, kind.number, payload.rows, kind.words, payload.strings)
        gathering.add(payload.octets, 0, len(payload.octets), header, b"probe,7,")
        start += payload.rows
    return bytes(gathering.lines())


def pdu_of(pdu: int, flows, kind: Kind = IP_COUNTERS, probe: str = "probe", run: int = RUN, behind: int = 0, strings=(),
           number: int | None = None) -> bytes:
    """An observations PDU under a CRC; the first column of its rows is `flows`, the others are 1 (strings: the first)."""
    words = np.ones((len(flows), kind.words), np.int64)
    words[:, 0] = flows
    for column in kind.expanded:
        if column.type.name == "STRING":
            words[:, kind.word_of(column.name)] = 0
    payload = payload_of(kind, words, strings)
    header = Observations(pdu, behind, number or kind.number, payload.rows, kind.words, payload.strings)
    return closed(OBSERVATIONS, pack_observations(header) + payload.octets, probe, run)


def closed(pdu_type: int, content: bytes, probe: str = "probe", run: int = RUN) -> bytes:
    """A PDU of a probe that goes by CRC alone."""
    return probe_session(probe, run, keys=None).close(pdu_type, content)
