"""PDUs of three probes that see the same packets, for a real collector."""

from __future__ import annotations

import csv
from collections.abc import Iterable

import numpy as np

from tests.keys import RUN
from tests.pipeline.collector_process import CollectorProcess
from tests.unit.collector.make import closed, payload_of
from tests.unit.collector.one_way_engine.make import definition
from tmon_common.config.model import SECOND
from tmon_common.observations import ABSENT, FLOW_DEFINITION, ONE_WAY_GAP, ONE_WAY_OBSERVATION
from tmon_common.pdu.contents import Observations, pack_observations
from tmon_common.pdu.header import OBSERVATIONS
from tmon_common.pdu.one_way import Form, OneWayPacker
from tmon_common.pdu.one_way.layout import FLOW, OCTETS, POINT, SIGNATURE, TIME, WORDS

CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="voice">
      <flow name="stream" fields="src_addr dst_addr" direction="unidirectional"/>
      <one_way resolution="1ns" max_transit="1s" interval="10s" late_slots="0" exceptions="individual">
        <hop name="first"><at probe="a" interface="lan"/></hop>
        <hop name="second"><at probe="b" interface="lan"/></hop>
        <hop name="third"><at probe="c" interface="lan"/></hop>
        <latency from="first" to="third"/>
      </one_way>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="collector" address="127.0.0.1"><spool directory="{spool}" rotate="1h"/></collector>
  </collectors>
  <probes>
    <probe name="a" seal="crc"><interface name="lan" device="lo"/><publish collector="collector"/></probe>
    <probe name="b" seal="crc"><interface name="lan" device="lo"/><publish collector="collector"/></probe>
    <probe name="c" seal="crc"><interface name="lan" device="lo"/><publish collector="collector"/></probe>
  </probes>
</trafmon>
"""
T0 = 1_700_000_000 * SECOND
STEP = 20_000_000
"""A packet so often (ns); packet n has signature 1000 + n."""
TRANSIT = {"a": 0, "b": 10_000_000, "c": 30_000_000}
FORM = Form("voice", 4, 1, sizes=True)
FLOW_NUMBER = 7


def _pdu(probe: str, pdu: int, kind, rows: int, words: int, strings: int, payload: bytes) -> bytes:
    return closed(OBSERVATIONS, pack_observations(Observations(pdu, 0, kind.number, rows, words, strings)) + payload, probe, RUN)


def definition_pdu(probe: str, pdu: int = 0) -> bytes:
    """The definition of the flow."""
    payload = payload_of(FLOW_DEFINITION, definition(FLOW_NUMBER), ["voice"])
    return _pdu(probe, pdu, FLOW_DEFINITION, payload.rows, FLOW_DEFINITION.words, payload.strings, bytes(payload.octets))


def gap_pdu(probe: str, pdu: int, sequence: int, numbers: range) -> bytes:
    """Says that the PDU of that sequence, with these packets, was given up."""
    times = [T0 + STEP * n + TRANSIT[probe] for n in numbers]
    payload = payload_of(ONE_WAY_GAP, [0, sequence, times[0], times[-1], len(times), 1], ["voice"])
    return _pdu(probe, pdu, ONE_WAY_GAP, payload.rows, ONE_WAY_GAP.words, payload.strings, bytes(payload.octets))


def block_pdu(probe: str, pdu: int, sequence: int, numbers: range, lost: Iterable[int] = (), *, ended: bool = False) -> bytes:
    """Observations of packets `numbers`, those lost before that probe left out."""
    lost = set(lost)
    seen = [n for n in numbers if n not in lost]
    words = np.full((len(seen), WORDS), ABSENT, np.int64)
    words[:, FLOW], words[:, POINT], words[:, OCTETS] = FLOW_NUMBER, "abc".index(probe) + 1, 200
    words[:, SIGNATURE] = [1000 + n for n in seen]
    words[:, TIME] = [T0 + STEP * n + TRANSIT[probe] for n in seen]
    packed = OneWayPacker(FORM).pack(words, 0, 8000, sequence, T0 + STEP * numbers.stop + TRANSIT[probe], ended=ended)
    assert packed.rows == len(seen)
    return _pdu(probe, pdu, ONE_WAY_OBSERVATION, packed.rows, WORDS, 0, packed.octets)


def rows_of(collector: CollectorProcess, kind: str) -> list[dict[str, str]]:
    """Rows of all complete files of a kind, in order of their text."""
    rows = []
    for path in collector.files(f"{kind}.*.csv"):
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    return sorted(rows, key=lambda row: tuple(row.values()))
