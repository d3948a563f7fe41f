"""PDUs that the probe holds until the collector has them: kept by what they are worth, the least precious at hand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tmon_probe.publish.gaps import Gap

HELD_OCTETS = 256  # memory that a held PDU takes besides its payload


class Worth(Enum):
    """Where a PDU is kept. Who goes first when there is no room: in this order; oldest first, permanent ones newest first."""

    REFUSED = "refused"  # the collector cannot understand it: kept aside for the day it can
    UNSENT = "unsent"
    SENT = "sent"
    BORDER = "border"  # observed just before the link broke
    REFUSED_PERMANENT = "refused permanent"
    UNSENT_PERMANENT = "unsent permanent"  # definitions, transfers, warnings
    PERMANENT = "permanent"


_PERISHABLE = (Worth.REFUSED, Worth.UNSENT, Worth.SENT, Worth.BORDER)
_PERMANENT = (Worth.REFUSED_PERMANENT, Worth.UNSENT_PERMANENT, Worth.PERMANENT)
_REFUSED = (Worth.REFUSED, Worth.REFUSED_PERMANENT)


@dataclass(slots=True, eq=False)
class Held:
    """An observations PDU, complete but for its seal.

    pdu         number in the order in which they were made, from 0; it does not travel
    type        OBSERVATIONS or COMPRESSED
    gaps        what is to be declared if it is given up
    sent_as     the id that travels: number in the order of first sendings, from 0; None: never sent, or refused under the last one
    first_sent_ns   when it was sent for the first time; None: never
    sent_ns     when it was sent last
    sendings    how many times since the link was last known to work; they set its timeout
    due_ns      when its timer runs out; None: it waits to be sent
    """

    pdu: int
    type: int
    kind: int
    rows: int
    words: int
    strings: int
    payload: bytes
    permanent: bool
    created_ns: int
    worth: Worth
    gaps: tuple[Gap, ...] = ()
    sent_as: int | None = None
    first_sent_ns: int | None = None
    sent_ns: int = 0
    sendings: int = 0
    due_ns: int | None = None

    @property
    def refused(self) -> bool:
        return self.worth in _REFUSED

    @property
    def octets(self) -> int:
        """Memory that it takes."""
        return len(self.payload) + HELD_OCTETS


class Holdings:
    """All held PDUs of one collector. octets: memory they take; refused_octets: of these, what the collector refuses."""

    def __init__(self) -> None:
        self.octets = 0
        self.refused_octets = 0
        self._by_pdu: dict[int, Held] = {}
        self._kept: dict[Worth, OrderedDict[int, Held]] = {worth: OrderedDict() for worth in Worth}
        self._sent: dict[int, Held] = {}  # by the id that travels
        self._oldest = 0

    def __len__(self) -> int:
        return len(self._by_pdu)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._by_pdu.values())

    def get(self, pdu: int) -> Held | None:
        return self._by_pdu.get(pdu)

    def sent(self, pdu_id: int) -> Held | None:
        """By the id that travels."""
        return self._sent.get(pdu_id)

    def name(self, held: Held, pdu_id: int) -> None:
        """Under this id it is sent from now on."""
        held.sent_as = pdu_id
        self._sent[pdu_id] = held

    def unname(self, held: Held) -> None:
        """The collector has nothing written under its id, and need not remember that."""
        del self._sent[held.sent_as]
        held.sent_as = None

    def kept(self, worth: Worth) -> OrderedDict[int, Held]:
        """Those of this worth by id, in the order in which they got it."""
        return self._kept[worth]

    def first(self, worth: Worth) -> Held | None:
        return next(iter(self._kept[worth].values()), None)

    @property
    def refused(self) -> list[Held]:
        return [held for worth in _REFUSED for held in self._kept[worth].values()]

    @property
    def refused_count(self) -> int:
        return sum(len(self._kept[worth]) for worth in _REFUSED)

    def add(self, held: Held) -> None:
        self._by_pdu[held.pdu] = held
        self._kept[held.worth][held.pdu] = held
        self.octets += held.octets

    def move(self, held: Held, worth: Worth) -> None:
        """It is worth something else now."""
        if held.refused:
            self.refused_octets -= held.octets
        del self._kept[held.worth][held.pdu]
        held.worth = worth
        self._kept[worth][held.pdu] = held
        if held.refused:
            self.refused_octets += held.octets

    def remove(self, held: Held) -> None:
        del self._by_pdu[held.pdu]
        del self._kept[held.worth][held.pdu]
        if held.sent_as is not None:
            del self._sent[held.sent_as]
        self.octets -= held.octets
        if held.refused:
            self.refused_octets -= held.octets

    def least_precious(self, *, refused_only: bool) -> Held | None:
        """Who goes when there is no room."""
        for worth in _PERISHABLE:
            if self._kept[worth] and (worth in _REFUSED or not refused_only):
                return self.first(worth)
        for worth in _PERMANENT:
            if self._kept[worth] and (worth in _REFUSED or not refused_only):
                return next(reversed(self._kept[worth].values()))
        return None

    def oldest(self, next_id: int) -> int:
        """Smallest id that was sent and is held, or next_id: the collector may forget all ids below."""
        while self._oldest < next_id and self._oldest not in self._sent:
            self._oldest += 1
        return self._oldest
