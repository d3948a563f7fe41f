"""The retry regime as docs/publication.md tells it, slow and obvious: plain lists, every rule looked at again at every moment.

PDUs are told by number; what is in them plays no part but for its octets. What is checked against the engine: which PDU may be sent
when, who is given up and why, when the link counts as broken.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SECOND = 1_000_000_000
IP_UDP_OCTETS = 20 + 8


@dataclass
class Pdu:
    number: int
    permanent: bool
    created: int
    kind: str
    rows: int
    octets: int  # memory
    first: int | None = None  # first sending since the link was last known to work
    last: int = 0
    sendings: int = 0
    waits_until: int | None = None  # timer; None: not sent, or its timer ran out
    border: bool = False
    refused: bool = False
    refused_turn: int = 0  # among those refused
    nameless: bool = False  # refused, and not sent again since
    cause: str = ""  # for which it was given up


@dataclass
class Regime:
    initial: int
    increment: int
    multiplier: float
    retries: int
    final: int
    border: int
    gap: int
    rate: int  # bit/s, 0: no cap
    queue: int  # octets
    pdus: list[Pdu] = field(default_factory=list)
    given_up: list[Pdu] = field(default_factory=list)
    refusals: int = 0
    broken_since: int | None = None
    pilot: int | None = None
    answered: int | None = None
    next_slot: int = 0

    def timeout(self, sendings: int) -> int:
        wait = self.initial
        for _ in range(min(sendings, self.retries)):
            wait = int(wait * self.multiplier) + self.increment
        return wait

    @property
    def largest(self) -> int:
        return self.timeout(self.retries)

    def find(self, number: int) -> Pdu | None:
        return next((p for p in self.pdus if p.number == number), None)

    def add(self, pdu: Pdu, loose_octets: int) -> None:
        """loose_octets: memory of its rows while they were not yet a PDU; these count in the queue too."""
        while self._full(loose_octets) and (pdu.permanent or not self._least().permanent):
            self._give_up(self._least(), "queue full")
        self.pdus.append(pdu)
        while self._full(0):
            self._give_up(self._least(), "queue full")

    def _full(self, loose_octets: int) -> bool:
        return bool(self.pdus) and sum(p.octets for p in self.pdus) + loose_octets > self.queue

    def _least(self) -> Pdu:
        return min(self.pdus, key=self._worth)

    def _worth(self, pdu: Pdu) -> tuple[int, int]:
        """Least first: the order of docs/publication.md."""
        age = pdu.refused_turn if pdu.refused else pdu.number
        if pdu.permanent:
            return (4 if pdu.refused else 5 if pdu.first is None else 6), -age
        return (0 if pdu.refused else 3 if pdu.border else 1 if pdu.first is None else 2), age

    def _give_up(self, pdu: Pdu, cause: str) -> None:
        self.pdus.remove(pdu)
        pdu.cause = cause
        self.given_up.append(pdu)

    def pass_time(self, now: int) -> None:
        """Everything that happens by itself until now, in the order in which it falls due."""
        while True:
            moments = sorted({p.created + self.final for p in self.pdus if self._perishable(p)}
                             | {p.waits_until for p in self.pdus if p.waits_until is not None})
            due = [m for m in moments if m <= now and self._something_at(m)]
            if not due:
                return
            self._at(due[0])

    def may_send(self, number: int) -> bool:
        """Whether this PDU waits to be sent."""
        pdu = self.find(number)
        return pdu is not None and pdu.waits_until is None

    def waiting(self) -> list[int]:
        return [p.number for p in self.pdus if p.waits_until is None]

    def sent(self, number: int, octets: int, now: int) -> None:
        """octets: of the datagram, UDP payload."""
        pdu = self.find(number)
        assert now >= self.next_slot, "within the gap, or faster than the rate"
        gap = self.gap
        if self.rate:
            gap = max(gap, -(-(octets + IP_UDP_OCTETS) * 8 * SECOND // self.rate))
        self.next_slot = now + gap
        pdu.first = now if pdu.first is None else pdu.first
        wait = self.timeout(pdu.sendings)
        if pdu.refused or self.broken_since is not None:
            wait = self.initial if number == self.pilot else self.largest
        pdu.nameless = False
        pdu.last, pdu.waits_until, pdu.sendings = now, now + wait, pdu.sendings + 1

    def answer(self, number: int, now: int, *, refusal: bool) -> None:
        pdu = self.find(number)
        if pdu is None or pdu.first is None or pdu.nameless:
            return
        pdu.nameless = refusal
        self.answered = now
        if self.broken_since is not None:
            self.broken_since = self.pilot = None
            for p in self.pdus:
                if p.first is not None and not p.refused:
                    p.first, p.sendings = now, min(p.sendings, 1)
                    if p.waits_until is not None:
                        p.waits_until = min(p.waits_until, max(now, p.last + self.initial))
        if not refusal:
            self.pdus.remove(pdu)
        elif not pdu.refused:
            self.refusals += 1
            pdu.refused, pdu.border, pdu.waits_until, pdu.refused_turn = True, False, now + self.largest, self.refusals

    def _perishable(self, pdu: Pdu) -> bool:
        return not pdu.permanent and not pdu.border and not pdu.refused

    def _something_at(self, moment: int) -> bool:
        return any((self._perishable(p) and p.created + self.final == moment) or p.waits_until == moment for p in self.pdus)

    def _at(self, moment: int) -> None:
        for pdu in [p for p in self.pdus if self._perishable(p) and p.created + self.final <= moment]:
            self._give_up(pdu, "final timeout")
        for pdu in sorted((p for p in self.pdus if p.waits_until is not None and p.waits_until <= moment), key=lambda p: p.number):
            pdu.waits_until = None
            if pdu.refused:
                if not pdu.permanent and pdu.created + self.final <= moment:
                    self._give_up(pdu, "final timeout")
                continue
            self._look_at_the_link(pdu, moment)

    def _look_at_the_link(self, pdu: Pdu, moment: int) -> None:
        silent_since = pdu.first if self.answered is None else max(pdu.first, self.answered)
        whole = sum(self.timeout(n) for n in range(self.retries + 1))
        if self.broken_since is None and pdu.sendings > self.retries and moment - silent_since >= whole:
            self.broken_since, self.pilot = silent_since, pdu.number
            if self.border:
                for p in self.pdus:
                    if self._perishable(p) and p.created >= silent_since - self.border:
                        p.border = True
        elif self.broken_since is not None and self.find(self.pilot) is None:
            self.pilot = pdu.number
