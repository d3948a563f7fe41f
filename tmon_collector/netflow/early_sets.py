"""Data sets that came before their template: exporters send templates now and then, and a receiver that has just started would lose
all that comes until they do (RFC 7011 section 8 leaves it to collectors)."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from tmon_collector.netflow.messages import Message
from tmon_collector.netflow.sessions import Session

MAX_OCTETS = 8 << 20
LIFETIME_NS = 35 * 60_000_000_000
"""Most exporters send templates at least every half an hour."""
_OVERHEAD_OCTETS = 400  # of a set that waits, beside its content


class _Early(NamedTuple):
    content: bytes
    message: Message
    came_ns: int


class EarlySets:
    """At most MAX_OCTETS of them; the oldest go. Those of a session go with its templates.

    waiting: sets; given_up: sets that were in vain since `take_given_up`
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._sets: OrderedDict[tuple[Session, int], list[_Early]] = OrderedDict()
        self._octets = self._given_up = 0

    def keep(self, session: Session, number: int, content: memoryview, message: Message, now_ns: int) -> None:
        """A set whose template is not known."""
        self._sets.setdefault((session, number), []).append(_Early(bytes(content), message, now_ns))
        self.waiting += 1
        self._octets += len(content) + _OVERHEAD_OCTETS
        while self._octets > MAX_OCTETS or (self._sets and self._first_came_ns() < now_ns - LIFETIME_NS):
            self._given_up += len(self._pop(next(iter(self._sets))))

    def take(self, session: Session, number: int, now_ns: int) -> list[tuple[bytes, Message]]:
        """Those that waited for a template, in the order they came."""
        early = self._pop((session, number))
        fresh = [(e.content, e.message) for e in early if e.came_ns >= now_ns - LIFETIME_NS]
        self._given_up += len(early) - len(fresh)
        return fresh

    def forget(self, session: Session | None = None) -> None:
        """All in vain, or those of a session."""
        for key in [k for k in self._sets if session in (None, k[0])]:
            self._given_up += len(self._pop(key))

    def take_given_up(self) -> int:
        given_up, self._given_up = self._given_up, 0
        return given_up

    def _first_came_ns(self) -> int:
        return next(iter(self._sets.values()))[0].came_ns

    def _pop(self, key: tuple[Session, int]) -> list[_Early]:
        early = self._sets.pop(key, [])
        self.waiting -= len(early)
        self._octets -= sum(len(e.content) + _OVERHEAD_OCTETS for e in early)
        return early
