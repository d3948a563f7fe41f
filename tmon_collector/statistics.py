"""What a collector counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class CollectorStatistics:
    """Counts since the start of the collector.

    rejected    datagrams that changed nothing, by reason: those of pdu.error.REASONS, unknown_probe, no_memory (too many
                holes between written ids)
    refused     PDUs answered by a refusal, by "kind N of PROBE"
    unwritten   PDUs not acknowledged because their rows could not be written
    """

    datagrams: int = 0
    octets: int = 0
    heartbeats: int = 0
    pdus: int = 0
    rows: int = 0
    duplicates: int = 0
    unwritten: int = 0
    acks_sent: int = 0
    octets_sent: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
