"""What a publisher counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class PublicationStatistics:
    """Counts of one publisher since its start.

    pdus_sent   sendings of observations PDUs, retries included; octets_sent: UDP payload of all datagrams
    acked       PDUs acknowledged; refused: PDUs that the collector said it cannot understand
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
