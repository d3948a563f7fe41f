"""What a publisher counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class PublicationStatistics:
    """Counts of one publisher since its start; those by kind have the kind's name as key and count rows.

    pdus_sent   sendings of observations PDUs, retries included; octets_sent: UDP payload of all datagrams
    acked       PDUs acknowledged; refused: PDUs that the collector said it cannot understand
    given_up    rows dropped before they were acknowledged: queue full or final timeout
    unfit       rows that no PDU can hold
    bad_acks    datagrams from the collector that made no sense; stray_acks: ids acknowledged that were not held
    """

    rows: int = 0
    pdus: int = 0
    pdus_sent: int = 0
    retries: int = 0
    heartbeats: int = 0
    octets_sent: int = 0
    acked: int = 0
    refused: int = 0
    bad_acks: int = 0
    stray_acks: int = 0
    given_up: Counter[str] = field(default_factory=Counter)
    unfit: Counter[str] = field(default_factory=Counter)
