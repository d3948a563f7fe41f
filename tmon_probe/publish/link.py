"""The link to a collector as the answers tell: nominal, or broken (long retry mode, seed sections 1.5 and 3.14)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LinkLost:
    """Nothing has been acknowledged for silent_ns; waiting: PDUs held."""

    silent_ns: int
    waiting: int


@dataclass(frozen=True)
class LinkBack:
    """lost_ns: from the first sending that stayed unanswered to now; given_up: rows, since the link was lost."""

    lost_ns: int
    given_up: int


class Link:
    """exhausting_ns: what a first sending and all retries take.

    broken_since_ns     first sending that stayed unanswered; None while the link works
    pilot               id of the PDU that is sent at the initial timeout while it is broken
    """

    def __init__(self, exhausting_ns: int) -> None:
        self._exhausting_ns = exhausting_ns
        self.broken_since_ns: int | None = None
        self.pilot: int | None = None
        self._answered_ns: int | None = None

    @property
    def broken(self) -> bool:
        return self.broken_since_ns is not None

    def exhausted(self, pdu: int, first_sent_ns: int, now_ns: int) -> bool:
        """All retries of a PDU are used up. True if with that the link counts as broken: nothing at all was acknowledged since its
        first sending, or for as long as all retries take. (Where this one alone gets lost again and again, the link is bad, not
        broken.)
        """
        since_ns = first_sent_ns if self._answered_ns is None else max(first_sent_ns, self._answered_ns)
        if self.broken or now_ns - since_ns < self._exhausting_ns:
            return False
        self.broken_since_ns, self.pilot = since_ns, pdu
        return True

    def answered(self, now_ns: int) -> int | None:
        """An acknowledgement or a refusal has come. If the link was broken: for how long (ns)."""
        self._answered_ns = now_ns
        if self.broken_since_ns is None:
            return None
        lost_ns, self.broken_since_ns, self.pilot = now_ns - self.broken_since_ns, None, None
        return lost_ns
