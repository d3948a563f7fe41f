"""Queries that wait for their response. An engine: packet time comes with every call."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from tmon_probe.child.dns.message import Question

Peers = tuple[int, ...]
"""What query and response have in common but the question: who talks with whom, message id, observation point."""
MAX_QUESTIONS = 16
"""Different questions of one client port to one server with one message id that wait at a time."""
JUMP_NS = 60_000_000_000
"""Packet time this far back is that of another recording."""


@dataclass(slots=True)
class Query:
    """entry, flow: of its flow, in the registry and as published. time_ns: it was first seen; last_ns: it was last repeated."""

    peers: Peers
    question: Question | None
    opcode: int
    octets: int
    entry: int
    flow: int
    time_ns: int
    last_ns: int = 0
    retries: int = 0

    def __post_init__(self) -> None:
        self.last_ns = self.time_ns


class Waiting:
    """At most `limit` queries, each for timeout_ns after it was last repeated.

    `ask` and `answer` put those whose time is over into `unanswered`: who calls takes them out. given_up: for want of room.
    """

    def __init__(self, limit: int, timeout_ns: int) -> None:
        self._limit, self._timeout_ns = limit, timeout_ns
        self._by_age: OrderedDict[tuple[Peers, Question | None], Query] = OrderedDict()  # the one silent for longest first
        self._questions: dict[Peers, tuple[Question | None, ...]] = {}
        self.unanswered: list[Query] = []
        self.given_up = 0

    def __len__(self) -> int:
        return len(self._by_age)

    def ask(self, query: Query) -> None:
        """A query was seen: a new one, or one that waits already and is repeated."""
        key = query.peers, query.question
        known = self._by_age.get(key)
        if known and self._in_time(known, query.time_ns):
            known.retries += 1
            known.last_ns = query.time_ns
            self._by_age.move_to_end(key)
            return
        if known:
            self.unanswered.append(self._take_out(known))
        asked = self._questions.get(query.peers, ())
        if len(asked) >= MAX_QUESTIONS:
            self._give_up(self._by_age[query.peers, asked[0]])
        elif len(self._by_age) >= self._limit:
            self._give_up(next(iter(self._by_age.values())))
        self._by_age[key] = query
        self._questions[query.peers] = (*self._questions.get(query.peers, ()), query.question)

    def answer(self, peers: Peers, question: Question | None, time_ns: int) -> Query | None:
        """The query that such a response answers, which waits no more; None if there is none.

        A response without a question (FORMERR is often sent so) answers the first that waits.
        """
        asked = self._questions.get(peers)
        if not asked:
            return None
        query = self._by_age.get((peers, question or asked[0]))
        if query is None:
            return None
        self._take_out(query)
        if self._in_time(query, time_ns):
            return query
        self.unanswered.append(query)
        return None

    def expired(self, now_ns: int) -> list[Query]:
        """Those whose time is over at now_ns, or that are of a recording that was later; they wait no more."""
        found = []
        while self._by_age:
            oldest = next(iter(self._by_age.values()))
            if -JUMP_NS <= now_ns - oldest.last_ns < self._timeout_ns:
                break
            found.append(self._take_out(oldest))
        return found

    def of(self, entries: set[int]) -> list[Query]:
        """Those of these flow entries; they wait no more."""
        found = [q for q in self._by_age.values() if q.entry in entries]
        for query in found:
            self._take_out(query)
        return found

    def rest(self) -> list[Query]:
        """All; nothing waits any more."""
        found = list(self._by_age.values())
        self._by_age.clear()
        self._questions.clear()
        return found

    def _in_time(self, query: Query, time_ns: int) -> bool:
        """Not so if packet time went back far, from one recording to the next."""
        return abs(time_ns - query.last_ns) < self._timeout_ns

    def _give_up(self, query: Query) -> None:
        self._take_out(query)
        self.given_up += 1

    def _take_out(self, query: Query) -> Query:
        del self._by_age[query.peers, query.question]
        left = tuple(q for q in self._questions[query.peers] if q != query.question)
        if left:
            self._questions[query.peers] = left
        else:
            del self._questions[query.peers]
        return query
