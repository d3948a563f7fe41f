"""What a collector counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MAX_REFUSED = 64
OTHERS = "other kinds"


@dataclass
class CollectorStatistics:
    """Counts since the start of the collector.

    written     rows of probes in the spool, by kind
    rejected    datagrams that changed nothing, by reason: those of pdu.error.REASONS, unknown_probe, no_memory (too many
                holes between written ids), old_run (of a run of which is no longer known what is written)
    refused     PDUs answered by a refusal, by "kind N of PROBE"; beyond MAX_REFUSED of these, by OTHERS
    unwritten   PDUs not acknowledged because their rows could not be written
    own_lost    rows of the collector's own (events) that the disk was full for too long to write
    last_bad    where the last datagram came from that changed nothing
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
    own_lost: int = 0
    last_bad: str = ""
    written: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def refuse(self, what: str) -> None:
        """Counts a refusal."""
        self.refused[what if what in self.refused or len(self.refused) < MAX_REFUSED else OTHERS] += 1

    @property
    def bad_total(self) -> int:
        """Datagrams that changed nothing, whatever is the matter."""
        return self.rejected.total() + self.refused.total()

    def bad(self) -> Counter[str]:
        """All datagrams that changed nothing, by what is the matter."""
        return self.rejected + Counter({f"{what}: not understood": n for what, n in self.refused.items()})
