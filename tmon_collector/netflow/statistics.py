"""What a receiver of flow records counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class NetflowStatistics:
    """Counts since the start.

    datagrams, octets   that came
    records             flow records that count; octets and packets of theirs in flow_octets, flow_packets, sampling included
    lost                flow records (v9: datagrams) that exporters sent and that did not come, by their sequence numbers
    not_understood      datagrams, sets and records that changed nothing, by reason:
                        version, short, length, exporter (too many, or not listed), template (not sound), templates (too many),
                        no_template (sets whose template did not come in time), unknown_set, not_flows (records that count
                        nothing between addresses), empty (records of nothing), absurd (counts beyond bounds.MAX_COUNT); of files:
                        row, time
    misdated            records whose times were moved: future, past, long, backwards, untold (bounds.py)
    rows, definitions   written
    early               rows written before their minute had been open long enough, for want of room
    given_up            rows that the disk was full for too long to write; own_lost: of events
    """

    datagrams: int = 0
    octets: int = 0
    records: int = 0
    flow_octets: int = 0
    flow_packets: int = 0
    lost: int = 0
    rows: int = 0
    definitions: int = 0
    early: int = 0
    given_up: int = 0
    own_lost: int = 0
    last_bad: str = ""
    not_understood: Counter[str] = field(default_factory=Counter)
    misdated: Counter[str] = field(default_factory=Counter)

    def refuse(self, reason: str, source: str, count: int = 1) -> None:
        """Something of `source` changed nothing."""
        if count:
            self.not_understood[reason] += count
            self.last_bad = source
