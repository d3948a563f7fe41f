"""A session with a master agent as a state machine: octets and moments in, octets and happenings out (RFC 2741 section 7.1).

    CLOSED --connected--> OPENING --its response--> OPEN --Close, an error, no answer, connection lost--> CLOSED

Regions are registered as soon as the session is open, all at once. One that is refused (by a session that has not noticed its end:
"duplicate registration") is tried again. Requests are answered at once, notifications await their response one beside the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from tmon_agent.agentx.answers import answer
from tmon_agent.agentx.encoding import MalformedPdu
from tmon_agent.agentx.pdu import (
    Error,
    Pdu,
    Reason,
    Type,
    build,
    close_payload,
    notify_payload,
    open_payload,
    read_reason,
    read_response,
    register_payload,
    response_payload,
    take_pdu,
)
from tmon_agent.agentx.values import Bindings, Oid
from tmon_agent.snmp.tree import Tree

SECOND = 1_000_000_000
RESPONSE_NS = 10 * SECOND
"""Within which a master answers; then it is taken for dead."""
QUIET_NS = 60 * SECOND
"""Without anything from the master: it is asked whether it lives."""
AGAIN_NS = 10 * SECOND
"""After which refused regions are tried again."""
MAX_NOTIFICATIONS = 32
"""Notifications whose response has not come; further ones wait at the caller's."""

_REQUESTS = frozenset({Type.GET, Type.GET_NEXT, Type.GET_BULK, Type.TEST_SET, Type.COMMIT_SET, Type.UNDO_SET, Type.CLEANUP_SET})


@dataclass(frozen=True, slots=True)
class Region:
    """Names that this sub-agent answers for: all below `subtree`; where range_subid is the position (from 1) of a number in it,
    also all below what it becomes with that number one, two, ... more, up to upper_bound."""

    subtree: Oid
    range_subid: int = 0
    upper_bound: int = 0


class State(Enum):
    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Registered:
    """All regions are."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A region was; it is tried again."""

    region: Region
    why: str


@dataclass(frozen=True, slots=True)
class Notified:
    """What has become of a notification. why: "" if the master has taken it; None: not known, the session ended before."""

    token: object
    why: str | None


@dataclass(frozen=True, slots=True)
class Closed:
    """The session has ended, the connection is of no use any more. why: "" if it was ended here."""

    why: str


Happening = Registered | Refused | Notified | Closed


@dataclass(frozen=True, slots=True)
class _Awaited:
    kind: Type
    deadline_ns: int
    about: object = None


class Session:
    """tree: gives what can be asked at the moment. Times are of any one clock, ns."""

    def __init__(self, oid: Oid, description: str, regions: Sequence[Region], tree: Callable[[], Tree]) -> None:
        self.state = State.CLOSED
        self._oid, self._description, self._regions, self._tree = oid, description, tuple(regions), tree
        self._session = self._packet = 0
        self._reset()

    def _reset(self) -> None:
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._awaited: dict[int, _Awaited] = {}
        self._missing: set[Region] = set(self._regions)
        self._quiet_at = self._again_at = 0
        self._happened: list[Happening] = []

    @property
    def waiting_notifications(self) -> int:
        return sum(a.kind == Type.NOTIFY for a in self._awaited.values())

    def connected(self, now_ns: int) -> None:
        """A new connection to the master is there."""
        self._reset()
        self.state = State.OPENING
        self._quiet_at = now_ns + QUIET_NS
        self._session = 0
        self._send(Type.OPEN, open_payload(self._oid, self._description), now_ns)

    def lost(self, why: str) -> None:
        """The connection has ended, or is given up."""
        if self.state == State.CLOSED:
            return
        self.state = State.CLOSED
        self._happened += [Notified(a.about, None) for a in self._awaited.values() if a.kind == Type.NOTIFY]
        self._awaited.clear()
        self._happened.append(Closed(why))

    def close(self) -> None:
        """End the session; what is to be sent says so to the master."""
        if self.state == State.OPEN:
            self._out.append(build(Type.CLOSE, close_payload(Reason.SHUTDOWN), session=self._session, packet=self._number()))
        self.lost("")

    def receive(self, octets: bytes, now_ns: int) -> None:
        if self.state == State.CLOSED:
            return
        self._quiet_at = now_ns + QUIET_NS
        self._buffer += octets
        try:
            while self.state != State.CLOSED and (pdu := take_pdu(self._buffer)):
                self._take(pdu, now_ns)
        except MalformedPdu as error:
            self._out.append(build(Type.CLOSE, close_payload(Reason.PARSE_ERROR), session=self._session, packet=self._number()))
            self.lost(f"the master sent what cannot be read: {error}")

    def notify(self, bindings: Bindings, token: object, now_ns: int) -> bool:
        """Hand a notification to the master, which sends it to whom it is configured to. False: not now."""
        if self.state != State.OPEN or self.waiting_notifications >= MAX_NOTIFICATIONS:
            return False
        self._send(Type.NOTIFY, notify_payload(bindings), now_ns, token)
        return True

    def next_timer(self) -> int | None:
        """When `handle_timer` wants to be called."""
        if self.state == State.CLOSED:
            return None
        times = [self._quiet_at, *(a.deadline_ns for a in self._awaited.values())]
        return min([*times, self._again_at] if self._again_at else times)

    def handle_timer(self, now_ns: int) -> None:
        if self.state == State.CLOSED:
            return
        late = next((a for a in self._awaited.values() if a.deadline_ns <= now_ns), None)
        if late:
            self.lost(f"the master has not answered {late.kind.name.capitalize()} within {RESPONSE_NS // SECOND} s")
            return
        if self._again_at and self._again_at <= now_ns:
            self._register(now_ns)
        if self._quiet_at <= now_ns:
            self._quiet_at = now_ns + QUIET_NS
            if self.state == State.OPEN:
                self._send(Type.PING, b"", now_ns)

    def take_octets(self) -> bytes:
        """What is to be sent."""
        octets, self._out = b"".join(self._out), []
        return octets

    def take_happened(self) -> list[Happening]:
        happened, self._happened = self._happened, []
        return happened

    def _take(self, pdu: Pdu, now_ns: int) -> None:
        if pdu.type == Type.RESPONSE:
            self._response(pdu, now_ns)
        elif pdu.type == Type.CLOSE:
            self.lost(f"the master closed it: {read_reason(pdu)}")
        elif pdu.type in _REQUESTS:
            ours = self.state == State.OPEN and pdu.session == self._session
            payload = self._answer(pdu) if ours else response_payload(Error.NOT_OPEN)
            if payload is not None:
                self._out.append(build(Type.RESPONSE, payload, session=pdu.session, transaction=pdu.transaction, packet=pdu.packet))

    def _answer(self, pdu: Pdu) -> bytes | None:
        try:
            return answer(pdu, self._tree())
        except MalformedPdu:
            return response_payload(Error.PARSE_FAILED)

    def _response(self, pdu: Pdu, now_ns: int) -> None:
        awaited = self._awaited.pop(pdu.packet, None)
        if awaited is None:
            return
        error = read_response(pdu).error
        why = Error.words(error) if error else ""
        if awaited.kind == Type.OPEN:
            self._opened(pdu.session, why, now_ns)
        elif awaited.kind == Type.REGISTER:
            self._registered(awaited.about, why, now_ns)
        elif awaited.kind == Type.NOTIFY:
            self._happened.append(Notified(awaited.about, why))
        if error == Error.NOT_OPEN:
            self.lost("the master does not know the session any more")

    def _opened(self, session: int, why: str, now_ns: int) -> None:
        if why:
            self.lost(f"the master refused the session: {why}")
            return
        self._session, self.state = session, State.OPEN
        self._register(now_ns)

    def _register(self, now_ns: int) -> None:
        self._again_at = 0
        for region in self._regions:
            if region in self._missing:
                self._send(Type.REGISTER, register_payload(region.subtree, region.range_subid, region.upper_bound), now_ns, region)

    def _registered(self, region: Region, why: str, now_ns: int) -> None:
        if why:
            self._again_at = now_ns + AGAIN_NS
            self._happened.append(Refused(region, why))
            return
        self._missing.discard(region)
        if not self._missing:
            self._happened.append(Registered())

    def _send(self, kind: Type, payload: bytes, now_ns: int, about: object = None) -> None:
        packet = self._number()
        self._awaited[packet] = _Awaited(kind, now_ns + RESPONSE_NS, about)
        self._out.append(build(kind, payload, session=self._session, packet=packet))

    def _number(self) -> int:
        self._packet = (self._packet + 1) & 0xFFFFFFFF
        return self._packet
