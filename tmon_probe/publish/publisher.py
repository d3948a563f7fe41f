"""The publication engine of one probe towards one collector (seed sections 1.5 and 3.14). No socket, no clock.

A PDU goes through: under construction -> unsent -> in flight -> acknowledged. In flight it waits for an answer (a timer runs)
or, once the timer ran out, for a slot to be sent again. PDUs that the collector refuses (a kind it does not know) stand aside:
sent again seldom, outside the window, so that they hold up nothing, until the collector has been updated or their time is over.

All times are ns of one monotonic clock, handed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush

from tmon_common.config.model import Publication as Parameters
from tmon_common.observations import Rows
from tmon_common.pdu.ack import parse_acks, parse_heard
from tmon_common.pdu.contents import (
    NO_LAG,
    OBSERVATIONS_OCTETS,
    Heartbeat,
    Observations,
    expand,
    pack_heartbeat,
    pack_observations,
)
from tmon_common.pdu.error import PduError
from tmon_common.pdu.header import ACK, HEARD, HEARTBEAT, MAX_PDU_OCTETS
from tmon_common.pdu.packing import Packed
from tmon_common.pdu.session import ProbeSession
from tmon_probe.publish.construction import Construction
from tmon_probe.publish.held import HELD_OCTETS, Held
from tmon_probe.publish.statistics import PublicationStatistics
from tmon_probe.publish.window import Window

MAX_BURST = 64  # datagrams handed out at once when no gap is asked for


class Publisher:
    """parameters: how to send; session: of the probe's run towards that collector. ValueError for a `max_pdu` that the protocol
    does not allow.

    lossless    the queue gives up nothing for want of room but what the collector refuses: the caller holds back while
                `accepts()` is False (replay at full speed). Otherwise the least precious goes first: refused PDUs, unsent ones,
                those in flight, each oldest first; permanent kinds only, newest first, when nothing else is left.
    """

    def __init__(self, parameters: Parameters, session: ProbeSession, *, lossless: bool = False) -> None:
        self.parameters = parameters
        self.statistics = PublicationStatistics()
        self._session = session
        self._lossless = lossless
        if parameters.max_pdu_octets > MAX_PDU_OCTETS:
            msg = f"max_pdu of {parameters.max_pdu_octets} octets, PDUs have at most {MAX_PDU_OCTETS}"
            raise ValueError(msg)
        self._max_payload = parameters.max_pdu_octets - OBSERVATIONS_OCTETS - session.octets
        self._max_timeout_ns = _timeout_after(parameters, parameters.max_retries)
        self._window = Window(parameters.window)
        self._constructions: dict[int, Construction] = {}
        self._kind_names: dict[int, str] = {}
        self._held: dict[int, Held] = {}  # by id, ascending
        self._held_octets = 0
        self._refused_octets = 0
        self._perishable = 0  # held PDUs of kinds that are not permanent
        self._in_flight = 0  # PDUs sent and neither acknowledged nor refused: what the window limits
        self._next_pdu = 0
        self._oldest = 0
        self._unsent_permanent: deque[Held] = deque()
        self._unsent: deque[Held] = deque()
        self._resend: deque[Held] = deque()
        self._resend_refused: deque[Held] = deque()
        self._refused: deque[Held] = deque()
        self._timers: list[tuple[int, int]] = []  # (when, id)
        self._next_slot_ns: int | None = None  # None: nothing was ever sent
        self._heartbeat_due_ns: int | None = None
        self._lag_ns = NO_LAG

    def add(self, rows: Rows, now_ns: int) -> None:
        """Takes rows (copied), into PDUs under construction and, where these become full, into the queue."""
        construction = self._constructions.get(rows.kind.number)
        if construction is None:
            construction = Construction(rows.kind, self._max_payload, self._session.octets)
            self._constructions[rows.kind.number] = construction
            self._kind_names[rows.kind.number] = rows.kind.name
        self.statistics.rows += len(rows)
        self._enqueue(construction, construction.add(rows, now_ns), now_ns)

    def flush(self, now_ns: int) -> None:
        """Closes every PDU under construction."""
        for construction in self._constructions.values():
            self._enqueue(construction, construction.flush(now_ns), now_ns)

    @property
    def backlog_octets(self) -> int:
        """Memory held by rows under construction and PDUs not yet acknowledged."""
        return self._held_octets + sum(c.octets for c in self._constructions.values())

    def accepts(self) -> bool:
        """Whether more rows are welcome: less than half of the queue is taken, by what the collector has not refused."""
        return (self.backlog_octets - self._refused_octets) * 2 < self.parameters.queue_octets

    @property
    def idle(self) -> bool:
        """Everything given to `add` is acknowledged, refused by the collector, or given up."""
        return len(self._held) == len(self._refused) and not any(c.octets for c in self._constructions.values())

    @property
    def waiting(self) -> int:
        """PDUs held: unsent, in flight, or refused."""
        return len(self._held)

    @property
    def refused_waiting(self) -> int:
        """Of these, those that the collector does not understand."""
        return len(self._refused)

    @property
    def refused_kinds(self) -> list[str]:
        """Their kinds."""
        return sorted({self._kind_names[h.kind] for h in self._refused})

    def datagrams_to_send(self, now_ns: int, wall_ns: int) -> list[bytes]:
        """What goes out now: at most one datagram with a minimum gap, at most MAX_BURST without. Call again while not empty.

        wall_ns: ns since 1970-01-01 UTC; heartbeats carry it.
        """
        self._advance(now_ns)
        datagrams: list[bytes] = []
        gap_ns = self.parameters.min_gap_ns
        if gap_ns and self._next_slot_ns is not None and now_ns < self._next_slot_ns:
            return datagrams
        limit = 1 if gap_ns else MAX_BURST
        if self._heartbeat_due_ns is not None and now_ns >= self._heartbeat_due_ns:
            datagrams.append(self._heartbeat(wall_ns))
        if self.parameters.heartbeat_ns and (datagrams or self._heartbeat_due_ns is None):
            self._heartbeat_due_ns = now_ns + self.parameters.heartbeat_ns
        while len(datagrams) < limit:
            held = self._take_next()
            if held is None:
                break
            datagrams.append(self._send(held, now_ns))
        if datagrams:
            self._next_slot_ns = now_ns + gap_ns
            self.statistics.octets_sent += sum(map(len, datagrams))
        return datagrams

    def receive(self, datagram: bytes, now_ns: int, wall_ns: int) -> None:
        """Takes an answer of the collector. What is not a sound answer to this probe and run is counted, nothing else."""
        try:
            pdu_type, content = self._session.open(datagram)
            if pdu_type == HEARD:
                lag_ns = wall_ns - parse_heard(content)
                self._lag_ns = lag_ns if self._lag_ns == NO_LAG else min(self._lag_ns, lag_ns)
                return
            pdus = parse_acks(content)
        except PduError:
            self.statistics.bad_acks += 1
            return
        for low in pdus:
            held = self._held.get(expand(low, self._next_pdu))
            if held is None or not held.sendings:
                self.statistics.stray_acks += 1
            elif pdu_type == ACK:
                self.statistics.acked += 1
                self._window.acknowledged()
                self._release(held)
            elif not held.refused:
                self._set_aside(held, now_ns)

    def next_timer(self) -> int | None:
        """When `datagrams_to_send` has something to do next, if nothing else happens; the past means now, None never."""
        times = [c.since_ns + self.parameters.max_build_ns for c in self._constructions.values() if c.since_ns is not None]
        if (due_ns := self._first_timer()) is not None:
            times.append(due_ns)
        if self._unsent:
            times.append(self._unsent[0].created_ns + self.parameters.final_timeout_ns)
        if self._heartbeat_due_ns is not None:
            times.append(self._heartbeat_due_ns)
        if self._ready():
            times.append(0)
        if not times:
            return None
        soonest = min(times)
        if self.parameters.min_gap_ns and self._next_slot_ns is not None:
            soonest = max(soonest, self._next_slot_ns)
        return soonest

    # ---- the way of a PDU

    def _enqueue(self, construction: Construction, payloads: Iterable[Packed], now_ns: int) -> None:
        """Makes PDUs of payloads, then sees to it that the queue keeps within its bound."""
        kind = construction.kind
        for payload in payloads:
            held = Held(self._next_pdu, payload.type, kind.number, payload.rows, kind.words, payload.strings, payload.octets,
                        kind.permanent, now_ns, self.parameters.initial_timeout_ns)
            self._next_pdu += 1
            self._held[held.pdu] = held
            self._held_octets += len(held.payload) + HELD_OCTETS
            self.statistics.pdus += 1
            if kind.permanent:
                self._unsent_permanent.append(held)
            else:
                self._perishable += 1
                self._unsent.append(held)
        if construction.unfit:
            self.statistics.unfit[kind.name] += construction.unfit
            construction.unfit = 0
        while self.backlog_octets > self.parameters.queue_octets and (self._refused if self._lossless else self._held):
            self._give_up(self._least_precious())

    def _advance(self, now_ns: int) -> None:
        """Closes what is too old to stay under construction, gives up what is too old to be sent, starts retries."""
        for construction in self._constructions.values():
            if construction.since_ns is not None and construction.since_ns + self.parameters.max_build_ns <= now_ns:
                self._enqueue(construction, construction.flush(now_ns), now_ns)
        while (held := _first(self._unsent)) and self._too_old(held, now_ns):
            self._give_up(held)
        while (due_ns := self._first_timer()) is not None and due_ns <= now_ns:
            held = self._held[heappop(self._timers)[1]]
            if self._too_old(held, now_ns):
                self._give_up(held)
                continue
            # Here the first PDU whose retries are exhausted (sendings > max_retries) will start the long retry mode.
            if not held.refused:
                self._window.timed_out(now_ns, self.parameters.initial_timeout_ns)
            held.waiting = True
            (self._resend_refused if held.refused else self._resend).append(held)

    def _first_timer(self) -> int | None:
        """When the first timer runs out, past those of PDUs that were acknowledged, given up or refused meanwhile."""
        while self._timers:
            due_ns, pdu = self._timers[0]
            held = self._held.get(pdu)
            if held is not None and not held.waiting and held.due_ns == due_ns:
                return due_ns
            heappop(self._timers)
        return None

    def _ready(self) -> bool:
        """Whether a PDU could be sent if there were a slot."""
        window_open = self._in_flight < self._window.size
        return bool(_first(self._resend) or _first(self._resend_refused)
                    or (window_open and (_first(self._unsent_permanent) or _first(self._unsent))))

    def _take_next(self) -> Held | None:
        """The most urgent PDU: definitions before what refers to them, retries before first sendings, refused ones last."""
        window_open = self._in_flight < self._window.size
        for queue in (self._unsent_permanent, self._resend, self._unsent, self._resend_refused):
            first_sending = queue is self._unsent_permanent or queue is self._unsent
            if _first(queue) and (window_open or not first_sending):
                return queue.popleft()
        return None

    def _send(self, held: Held, now_ns: int) -> bytes:
        if held.sendings == 0:
            self._in_flight += 1
        else:
            self.statistics.retries += 1
            held.timeout_ns = self._max_timeout_ns if held.refused else _timeout_after(self.parameters, held.sendings)
        held.sendings += 1
        held.waiting = False
        held.due_ns = now_ns + held.timeout_ns
        heappush(self._timers, (held.due_ns, held.pdu))
        self.statistics.pdus_sent += 1
        header = Observations(held.pdu, held.pdu - self._oldest_held(), held.kind, held.rows, held.words, held.strings)
        return self._session.close(held.type, pack_observations(header) + held.payload)

    def _heartbeat(self, wall_ns: int) -> bytes:
        self.statistics.heartbeats += 1
        heartbeat = Heartbeat(self._next_pdu, self._next_pdu - self._oldest_held(), wall_ns, self._lag_ns)
        self._lag_ns = NO_LAG
        return self._session.close(HEARTBEAT, pack_heartbeat(heartbeat))

    def _set_aside(self, held: Held, now_ns: int) -> None:
        """What the collector refuses waits, outside the window, for the day it is understood."""
        self.statistics.refused += 1
        self._in_flight -= 1
        held.refused = True
        held.waiting = False
        held.due_ns = now_ns + self._max_timeout_ns
        heappush(self._timers, (held.due_ns, held.pdu))
        self._refused.append(held)
        self._refused_octets += len(held.payload) + HELD_OCTETS

    def _release(self, held: Held) -> None:
        del self._held[held.pdu]
        held.gone = True
        self._held_octets -= len(held.payload) + HELD_OCTETS
        self._perishable -= not held.permanent
        if held.refused:
            self._refused.remove(held)
            self._refused_octets -= len(held.payload) + HELD_OCTETS
        elif held.sendings:
            self._in_flight -= 1

    def _give_up(self, held: Held) -> None:
        self.statistics.given_up[self._kind_names[held.kind]] += held.rows
        self._release(held)

    def _least_precious(self) -> Held:
        """Who goes first when there is no room. Some PDU must be held."""
        victim = next((h for h in self._refused if not h.permanent), None)
        if self._lossless:
            return victim or self._refused[0]
        victim = victim or _first(self._unsent)
        if victim is None and self._perishable:
            victim = next(h for h in self._held.values() if not h.permanent)
        return victim or self._held[next(reversed(self._held))]

    def _too_old(self, held: Held, now_ns: int) -> bool:
        return not held.permanent and now_ns - held.created_ns >= self.parameters.final_timeout_ns

    def _oldest_held(self) -> int:
        """Smallest id held, or the next one: the collector may forget all ids below."""
        while self._oldest < self._next_pdu and self._oldest not in self._held:
            self._oldest += 1
        return self._oldest


def _first(queue: deque[Held]) -> Held | None:
    """Head of a queue, past those that were acknowledged, given up or sent meanwhile."""
    while queue and (queue[0].gone or not queue[0].waiting):
        queue.popleft()
    return queue[0] if queue else None


def _timeout_after(parameters: Parameters, retries: int) -> int:
    """How long the sending after so many retries waits; it no longer grows after `max_retries`."""
    timeout_ns = parameters.initial_timeout_ns
    for _ in range(min(retries, parameters.max_retries)):
        timeout_ns = int(timeout_ns * parameters.timeout_multiplier) + parameters.timeout_increment_ns
    return timeout_ns

