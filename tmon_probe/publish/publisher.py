"""The publication engine of one probe towards one collector (seed sections 1.5 and 3.14). No socket, no clock.

A PDU goes through: under construction -> unsent -> sent -> acknowledged. Once sent it waits for an answer (a timer runs) or, when
the timer ran out, for a slot to be sent again. When all retries of a PDU are used up and nothing at all was acknowledged meanwhile,
the link counts as broken (*long retry mode*): that PDU, the pilot, is sent at the initial timeout, all others at the largest one.
The first acknowledgement ends it. docs/publication.md tells the whole regime.

Ids are given at the first sending, and anew after a refusal, so that those who overtake, those given up unsent and those that wait
refused leave no lasting holes in the ids that the collector has to remember.

All times are ns of one monotonic clock, handed in, but for wall_ns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import takewhile

from tmon_common.config.model import Publication as Parameters
from tmon_common.observations import ONE_WAY_GAP, ONE_WAY_OBSERVATION, Rows
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
from tmon_common.pdu.one_way import Form, OneWayRows
from tmon_common.pdu.packing import Packed
from tmon_common.pdu.session import ProbeSession
from tmon_probe.publish.construction import Construction
from tmon_probe.publish.declarations import Declarations
from tmon_probe.publish.gaps import Numbered
from tmon_probe.publish.held import Held, Holdings, Worth
from tmon_probe.publish.link import Link, LinkBack, LinkLost
from tmon_probe.publish.loss import Cause, Losses
from tmon_probe.publish.one_way_construction import OneWayConstruction
from tmon_probe.publish.precious import parted
from tmon_probe.publish.slots import Slots
from tmon_probe.publish.statistics import PublicationStatistics
from tmon_probe.publish.timeouts import Timeouts
from tmon_probe.publish.window import Window

AnyConstruction = Construction | OneWayConstruction | Declarations


class Publisher:
    """parameters: how to send; session: of the probe's run towards that collector. ValueError for a `max_pdu` that the protocol
    does not allow.

    lossless    the queue gives up nothing for want of room but what the collector refuses: the caller holds back while
                `accepts()` is False (replay at full speed). Otherwise the least precious goes first (held.Worth).
    losses      rows given up, and why
    """

    def __init__(self, parameters: Parameters, session: ProbeSession, *, lossless: bool = False) -> None:
        self.parameters = parameters
        self.statistics = PublicationStatistics()
        self.losses = Losses()
        self._session = session
        self._lossless = lossless
        if parameters.max_pdu_octets > MAX_PDU_OCTETS:
            msg = f"max_pdu of {parameters.max_pdu_octets} octets, PDUs have at most {MAX_PDU_OCTETS}"
            raise ValueError(msg)
        self._max_payload = parameters.max_pdu_octets - OBSERVATIONS_OCTETS - session.octets
        self._timeouts = Timeouts(parameters)
        self._window = Window(parameters.window)
        self._slots = Slots(parameters.min_gap_ns, parameters.max_rate)
        self._link = Link(self._timeouts.exhausting_ns)
        self._lost_before = 0  # rows given up when the link was lost
        self._happened: list[LinkLost | LinkBack] = []
        self._declarations = Declarations(self._max_payload, session.octets)
        self._constructions: dict[tuple[int, bool, Form | None], AnyConstruction] = {
            (ONE_WAY_GAP.number, True, None): self._declarations}
        self._kind_names: dict[int, str] = {ONE_WAY_GAP.number: ONE_WAY_GAP.name}
        self._one_way_numbers: dict[str, int] = {}
        self._holdings = Holdings()
        self._in_flight = 0  # PDUs whose timer runs, but for those refused: what the window limits
        self._next_pdu = 0  # number of the one made next
        self._next_id = 0  # of the one sent for the first time next
        self._resend: deque[Held] = deque()
        self._resend_refused: deque[Held] = deque()
        self._unsent_border: deque[Held] = deque()
        self._timers: list[tuple[int, int]] = []  # (when, id)
        self._heartbeat_due_ns: int | None = None
        self._lag_ns = NO_LAG

    # ---- what the caller does

    def add(self, rows: Rows, now_ns: int) -> None:
        """Takes rows (copied), into PDUs under construction and, where these become full, into the queue.

        Those of ONE_WAY_OBSERVATION have to be OneWayRows; ONE_WAY_GAP is made here and taken from nobody (ValueError).
        """
        if rows.kind in (ONE_WAY_OBSERVATION, ONE_WAY_GAP) and not isinstance(rows, OneWayRows):
            msg = f"plain rows of {rows.kind.name}"
            raise ValueError(msg)
        self.statistics.rows += len(rows)
        for part, permanent in parted(rows):
            construction = self._construction(part, permanent)
            self._enqueue(construction, construction.add(part, now_ns), permanent, now_ns)

    def flush(self, now_ns: int) -> None:
        """Closes every PDU under construction."""
        for (_, permanent, _), construction in self._constructions.items():
            self._enqueue(construction, construction.flush(now_ns), permanent, now_ns)
        self._enqueue(self._declarations, self._declarations.flush(now_ns), permanent=True, now_ns=now_ns)

    def accepts(self) -> bool:
        """Whether more rows are welcome: less than half of the queue is taken, by what the collector has not refused."""
        return (self.backlog_octets - self._holdings.refused_octets) * 2 < self.parameters.queue_octets

    def advance(self, now_ns: int) -> None:
        """Closes what is too old to stay under construction, gives up what is too old to be sent, looks at timers.

        `datagrams_to_send` does it, too; this is for a caller that cannot send.
        """
        for (_, permanent, _), construction in self._constructions.items():
            if construction.since_ns is not None and construction.since_ns + self.parameters.max_build_ns <= now_ns:
                self._enqueue(construction, construction.flush(now_ns), permanent, now_ns)
        for worth in (Worth.UNSENT, Worth.SENT):
            while (held := self._holdings.first(worth)) and self._too_old(held, now_ns):
                self._give_up(held, Cause.FINAL_TIMEOUT, now_ns)
        while (due_ns := self._first_timer()) is not None and due_ns <= now_ns:
            self._timed_out(self._holdings.get(heappop(self._timers)[1]), now_ns)

    def datagrams_to_send(self, now_ns: int, wall_ns: int) -> list[bytes]:
        """What goes out now: one datagram with a minimum gap or a rate, some without. Call again while not empty.

        wall_ns: ns since 1970-01-01 UTC; heartbeats carry it.
        """
        self.advance(now_ns)
        datagrams: list[bytes] = []
        while len(datagrams) < self._slots.burst and self._slots.open(now_ns):
            datagram = self._next_datagram(now_ns, wall_ns)
            if datagram is None:
                break
            self._slots.used(len(datagram), now_ns)
            self.statistics.octets_sent += len(datagram)
            datagrams.append(datagram)
        return datagrams

    def left(self, now_ns: int) -> None:
        """The datagrams handed out last have been sent by now."""
        self._slots.left(now_ns)

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
            held = self._holdings.sent(expand(low, self._next_id))
            if held is None:
                self.statistics.stray_acks += 1
                continue
            self._answered(now_ns)
            if pdu_type == ACK:
                self.statistics.acked += 1
                self._window.acknowledged()
                self._release(held)
            else:
                self._holdings.unname(held)
                if not held.refused:
                    self._set_aside(held, now_ns)

    def next_timer(self) -> int | None:
        """When `datagrams_to_send` has something to do next, if nothing else happens; the past means now, None never."""
        times = [c.since_ns + self.parameters.max_build_ns for c in self._constructions.values() if c.since_ns is not None]
        if (due_ns := self._first_timer()) is not None:
            times.append(due_ns)
        times += [held.created_ns + self.parameters.final_timeout_ns
                  for worth in (Worth.UNSENT, Worth.SENT) if (held := self._holdings.first(worth))]
        sending_ns = 0 if self._ready() else self._heartbeat_due_ns
        if sending_ns is None and self.parameters.heartbeat_ns:
            sending_ns = 0  # the first heartbeat
        if sending_ns is not None:
            times.append(sending_ns if self._slots.next_ns is None else max(sending_ns, self._slots.next_ns))
        return min(times, default=None)

    def happened(self) -> list[LinkLost | LinkBack]:
        """What has become of the link since the last call."""
        happened, self._happened = self._happened, []
        return happened

    # ---- what can be seen

    @property
    def backlog_octets(self) -> int:
        """Memory held by rows under construction and PDUs not yet acknowledged."""
        return self._holdings.octets + sum(c.octets for c in self._constructions.values())

    @property
    def idle(self) -> bool:
        """Everything given to `add` is acknowledged, refused by the collector, or given up."""
        return (len(self._holdings) == self._holdings.refused_count
                and all(c.since_ns is None for c in self._constructions.values()))

    @property
    def waiting(self) -> int:
        """PDUs held: unsent, sent, or refused."""
        return len(self._holdings)

    @property
    def refused_waiting(self) -> int:
        """Of these, those that the collector does not understand."""
        return self._holdings.refused_count

    @property
    def refused_kinds(self) -> list[str]:
        """Their kinds."""
        return sorted({self._kind_names[h.kind] for h in self._holdings.refused})

    @property
    def broken(self) -> bool:
        """Long retry mode."""
        return self._link.broken

    # ---- the way of a PDU

    def _construction(self, rows: Rows, permanent: bool) -> Construction | OneWayConstruction:
        """Where these rows go."""
        form = rows.form if isinstance(rows, OneWayRows) else None
        key = (rows.kind.number, permanent, form)
        construction = self._constructions.get(key)
        if construction is None:
            if form is None:
                construction = Construction(rows.kind, self._max_payload, self._session.octets)
            else:
                construction = OneWayConstruction(form, self._one_way_numbers, self._max_payload, self._session.octets,
                                                  self.parameters.queue_octets)
            self._constructions[key] = construction
            self._kind_names[rows.kind.number] = rows.kind.name
        return construction

    def _enqueue(self, construction: AnyConstruction, payloads: Iterable[Packed | Numbered], permanent: bool, now_ns: int) -> None:
        """Makes PDUs of payloads, then sees to it that the queue keeps within its bound."""
        self._make_pdus(construction, payloads, permanent, now_ns)
        while self.backlog_octets > self.parameters.queue_octets:
            victim = self._holdings.least_precious(refused_only=self._lossless)
            if (victim is None or victim.permanent) and not self._lossless and self._close_perishable(now_ns):
                continue  # rows that have not become a PDU yet are less precious than permanent ones
            if victim is None:
                break
            self._give_up(victim, Cause.QUEUE_FULL, now_ns)

    def _close_perishable(self, now_ns: int) -> bool:
        """Makes PDUs of perishable rows under construction, so that they can be given up. Whether there were any."""
        waiting = [c for (_, permanent, _), c in self._constructions.items() if c.octets and not permanent]
        for construction in waiting:
            self._make_pdus(construction, construction.flush(now_ns), permanent=False, now_ns=now_ns)
        return bool(waiting)

    def _make_pdus(self, construction: AnyConstruction, payloads: Iterable[Packed | Numbered], permanent: bool,
                   now_ns: int) -> None:
        kind = construction.kind
        for payload in payloads:
            gaps, kept = (payload.gaps, payload.permanent or permanent) if isinstance(payload, Numbered) else ((), permanent)
            self._holdings.add(Held(self._next_pdu, payload.type, kind.number, payload.rows, kind.words, payload.strings,
                                    payload.octets, kept, now_ns, Worth.UNSENT_PERMANENT if kept else Worth.UNSENT, gaps))
            self._next_pdu += 1
            self.statistics.pdus += 1
            if kind is ONE_WAY_GAP:
                self.statistics.rows += payload.rows
        if construction.unfit:
            self.losses.add(kind.name, construction.unfit_cause, construction.unfit)
            construction.unfit = 0

    def _timed_out(self, held: Held, now_ns: int) -> None:
        held.due_ns = None
        if held.refused:
            if held.worth is Worth.REFUSED and self._too_old(held, now_ns):
                self._give_up(held, Cause.FINAL_TIMEOUT, now_ns)
            else:
                self._resend_refused.append(held)
            return
        self._in_flight -= 1
        self._window.timed_out(now_ns, self.parameters.initial_timeout_ns)
        self._resend.append(held)
        if held.sendings > self.parameters.max_retries and self._link.exhausted(held.pdu, held.first_sent_ns, now_ns):
            self._enter_long_retry_mode(now_ns)
        elif self._link.broken and self._holdings.get(self._link.pilot) is None:
            self._link.pilot = held.pdu  # the one before was given up

    def _enter_long_retry_mode(self, now_ns: int) -> None:
        """What was observed shortly before the break is kept from now on."""
        self._lost_before = self.losses.total
        self._happened.append(LinkLost(now_ns - self._link.broken_since_ns, len(self._holdings)))
        if not self.parameters.break_border_ns:
            return
        since_ns = self._link.broken_since_ns - self.parameters.break_border_ns
        for worth in (Worth.SENT, Worth.UNSENT):
            # Both are kept in the order of creation: those before the border, maybe very many, are not looked at.
            border = list(takewhile(lambda h: h.created_ns >= since_ns, reversed(self._holdings.kept(worth).values())))
            for held in reversed(border):
                self._holdings.move(held, Worth.BORDER)
                if held.first_sent_ns is None:
                    self._unsent_border.append(held)

    def _answered(self, now_ns: int) -> None:
        """The collector has dealt with a PDU. If the link was broken, everything is sent anew, through the slots."""
        lost_ns = self._link.answered(now_ns)
        if lost_ns is None:
            return
        self._happened.append(LinkBack(lost_ns, self.losses.total - self._lost_before))
        for held in self._holdings:
            if held.first_sent_ns is None or held.refused:
                continue
            held.first_sent_ns, held.sendings = now_ns, min(held.sendings, 1)
            if held.due_ns is not None:
                held.due_ns = min(held.due_ns, max(now_ns, held.sent_ns + self.parameters.initial_timeout_ns))
                heappush(self._timers, (held.due_ns, held.pdu))

    def _first_timer(self) -> int | None:
        """When the first timer runs out, past those of PDUs that were acknowledged, given up or sent again meanwhile."""
        while self._timers:
            due_ns, pdu = self._timers[0]
            held = self._holdings.get(pdu)
            if held is not None and held.due_ns == due_ns:
                return due_ns
            heappop(self._timers)
        return None

    # ---- what is sent

    def _next_datagram(self, now_ns: int, wall_ns: int) -> bytes | None:
        if self.parameters.heartbeat_ns and (self._heartbeat_due_ns is None or now_ns >= self._heartbeat_due_ns):
            self._heartbeat_due_ns = now_ns + self.parameters.heartbeat_ns
            return self._heartbeat(wall_ns)
        held = self._take_next()
        return None if held is None else self._send(held, now_ns)

    def _ready(self) -> bool:
        """Whether a PDU could be sent if there were a slot."""
        return self._pilot() is not None or any(self._first(queue) for queue in self._queues())

    def _take_next(self) -> Held | None:
        """The most urgent PDU: the pilot; definitions before what refers to them; retries before first sendings; refused last."""
        held = self._pilot()
        if held is None:
            held = next((first for queue in self._queues() if (first := self._first(queue))), None)
        return held

    def _pilot(self) -> Held | None:
        """The pilot, if it waits to be sent. The window does not hold it up."""
        held = self._holdings.get(self._link.pilot) if self._link.broken else None
        return held if held is not None and held.due_ns is None and not held.refused else None

    def _queues(self) -> list[deque[Held] | Worth]:
        """Where to look for what may be sent, the most urgent first."""
        if self._in_flight >= self._window.size:
            return [self._resend_refused]
        return [Worth.UNSENT_PERMANENT, self._resend, self._unsent_border, Worth.UNSENT, self._resend_refused]

    def _first(self, queue: deque[Held] | Worth) -> Held | None:
        """Head of a queue, past those that were acknowledged, given up or sent meanwhile."""
        if isinstance(queue, Worth):
            return self._holdings.first(queue)
        while queue:
            held = queue[0]
            if self._holdings.get(held.pdu) is held and held.due_ns is None and held.refused == (queue is self._resend_refused):
                return held
            queue.popleft()
        return None

    def _send(self, held: Held, now_ns: int) -> bytes:
        if held.first_sent_ns is None:
            held.first_sent_ns = now_ns
            if held.worth is Worth.UNSENT:
                self._holdings.move(held, Worth.SENT)
            elif held.worth is Worth.UNSENT_PERMANENT:
                self._holdings.move(held, Worth.PERMANENT)
        else:
            self.statistics.retries += 1
        if held.sent_as is None:
            self._holdings.name(held, self._next_id)
            self._next_id += 1
        timeout_ns = self._timeouts.of(held.sendings)
        if held.refused or self._link.broken:
            timeout_ns = self.parameters.initial_timeout_ns if held.pdu == self._link.pilot else self._timeouts.largest_ns
        held.sendings += 1
        held.sent_ns = now_ns
        held.due_ns = now_ns + timeout_ns
        heappush(self._timers, (held.due_ns, held.pdu))
        if not held.refused:
            self._in_flight += 1
        self.statistics.pdus_sent += 1
        header = Observations(held.sent_as, held.sent_as - self._holdings.oldest(self._next_id), held.kind, held.rows, held.words,
                              held.strings)
        return self._session.close(held.type, pack_observations(header) + held.payload)

    def _heartbeat(self, wall_ns: int) -> bytes:
        self.statistics.heartbeats += 1
        heartbeat = Heartbeat(self._next_id, self._next_id - self._holdings.oldest(self._next_id), wall_ns, self._lag_ns)
        self._lag_ns = NO_LAG
        return self._session.close(HEARTBEAT, pack_heartbeat(heartbeat))

    # ---- how a PDU ends

    def _set_aside(self, held: Held, now_ns: int) -> None:
        """What the collector refuses waits, outside the window, for the day it is understood."""
        self.statistics.refused += 1
        if held.due_ns is not None:
            self._in_flight -= 1
        self._holdings.move(held, Worth.REFUSED_PERMANENT if held.permanent else Worth.REFUSED)
        held.due_ns = now_ns + self._timeouts.largest_ns
        heappush(self._timers, (held.due_ns, held.pdu))

    def _release(self, held: Held) -> None:
        if held.due_ns is not None and not held.refused:
            self._in_flight -= 1
        self._holdings.remove(held)
        if held.kind == ONE_WAY_GAP.number:
            self._declarations.underway -= 1

    def _give_up(self, held: Held, cause: Cause, now_ns: int) -> None:
        if held.kind == ONE_WAY_GAP.number:  # declared later, with others
            self.statistics.rows -= held.rows
        else:
            self.losses.add(self._kind_names[held.kind], cause, held.rows)
        if held.kind == ONE_WAY_OBSERVATION.number and held.permanent:  # it said that its class has ended
            for construction in self._constructions.values():
                if isinstance(construction, OneWayConstruction) and construction.flow_class == held.gaps[0].flow_class:
                    construction.tell_again(now_ns)
        self._declarations.declare(held.gaps, now_ns)
        self._release(held)

    def _too_old(self, held: Held, now_ns: int) -> bool:
        return now_ns - held.created_ns >= self.parameters.final_timeout_ns
