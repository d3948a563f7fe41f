"""The FTP sessions of a flow class: control connections become dialogues, their data connections are found, transfers end.

An engine: lines or segments, and connections in; transfers out through a callback, counts into tallies; packet time is passed in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from tmon_probe.child.ftp.attribution import Attribution
from tmon_probe.child.ftp.commands import Command, parse_command, starts_command
from tmon_probe.child.ftp.counts import Tally
from tmon_probe.child.ftp.lines import Lines
from tmon_probe.child.ftp.replies import Octets, reply_code, starts_reply
from tmon_probe.child.ftp.resumes import Resumes
from tmon_probe.child.ftp.session import Announced, Answered, Began, Counted, Session
from tmon_probe.child.ftp.stream import Stream
from tmon_probe.child.ftp.transfer import LOST, TIMED_OUT, UNFINISHED, Endpoint, Expectation, Transfer
from tmon_probe.child.tcp.layout import CAPTURE_END, EVICTED, TIMEOUT

DATA_WAIT_NS = 5_000_000_000
"""After the final reply, for a data connection that was announced and not seen."""
MAX_WAITING = 4096
"""Transfers that do so; beyond that the oldest is published as it is."""
MAX_CLASS = 5
"""Replies of higher hundreds are not counted."""
_REPLIES = tuple(f"replies_{hundreds}xx" for hundreds in range(MAX_CLASS + 1))
_NOT_LENT = [False, False]


@dataclass(eq=False, slots=True)
class Control:
    """A control connection.

    tally           counts what happens there: what a column of ftp_counters counts
    streams, lines  of the client, of the server; made when they are needed
    slot            of `Connections`, -1 if its segments are not told by that
    lent            of either direction: somebody else has its next sequence number, and gives lines instead of segments
    """

    session: Session
    serial: int
    last_ns: int
    tally: Tally
    _streams: tuple[Stream, Stream] | None = None
    _lines: tuple[Lines, Lines] | None = None
    announced: list[Expectation] = field(default_factory=list)
    transfers: dict[int, Transfer] = field(default_factory=dict)
    slot: int = -1
    lent: list[bool] = field(default_factory=_NOT_LENT.copy)
    gone: bool = False

    @property
    def streams(self) -> tuple[Stream, Stream]:
        if self._streams is None:
            self._streams = Stream(), Stream()
        return self._streams

    @property
    def lines(self) -> tuple[Lines, Lines]:
        if self._lines is None:
            self._lines = Lines(starts_command), Lines(starts_reply)
        return self._lines

    @property
    def read_by_segments(self) -> bool:
        """Some segment of it was."""
        return self._streams is not None

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        return self.session.client, self.session.server


@dataclass
class Numbers:
    """Of sessions and transfers, in order, within the probe's run."""

    session: Callable[[], int] = field(default_factory=lambda: count(1).__next__)
    transfer: Callable[[], int] = field(default_factory=lambda: count(1).__next__)


class Dialogues:
    """published(control, transfer): it has ended.

    evicted, transfers, skipped, gaps   for the monitor: sessions given up, transfers published, lines skipped, gaps in dialogues
    """

    def __init__(self, max_sessions: int, idle_ns: int, numbers: Numbers, published: Callable[[Control, Transfer], None]) -> None:
        self._max_sessions, self._idle_ns, self._numbers = max_sessions, idle_ns, numbers
        self._published = published
        self._controls: OrderedDict[int, Control] = OrderedDict()  # by serial, the one silent for longest first
        self._dormant: dict[tuple[Endpoint, Endpoint], Control] = {}  # connection forgotten by the tracker, session not
        self._open: dict[int, Control] = {}  # of each transfer that has not been published
        self._waiting: dict[int, Transfer] = {}  # answered, data connection not seen
        self.attribution = Attribution()
        self._resumes = Resumes()
        self._last_ns = 0
        self.evicted = self.transfers = self.skipped = self.gaps = 0

    def __len__(self) -> int:
        return len(self._controls)

    def knows(self, serial: int) -> bool:
        """A connection of some session."""
        return serial in self._controls or self.attribution.knows(serial)

    def begin(self, serial: int, client: Endpoint, server: Endpoint, from_start: bool, now_ns: int, tally: Tally) -> Control:
        """A control connection is seen. from_start: its SYN was."""
        known = self._dormant.pop((client, server), None)
        if known is not None and known.serial in self._controls and not from_start:
            del self._controls[known.serial]
            known.serial, known.last_ns = serial, now_ns
            self._controls[serial] = known
            return known
        if known is not None:
            self._end(known, LOST, now_ns)
        if len(self._controls) >= self._max_sessions:
            self.evicted += 1
            self._end(next(iter(self._controls.values())), LOST, now_ns)
        session = Session(self._numbers.session(), client, server, self._numbers.transfer, greeted=not from_start)
        control = self._controls[serial] = Control(session, serial, now_ns, tally)
        self.attribution.add(session)
        control.tally.count("sessions", now_ns)
        return control

    def segment(self, control: Control, from_server: bool, sequence: int, acknowledged: int | None, octets: bytes, now_ns: int, *,
                syn: bool = False, closes: bool = False) -> None:
        """A segment of a control connection. acknowledged: number, None without ACK. closes: FIN or RST."""
        if control.gone:
            return
        control.last_ns = now_ns
        self._controls.move_to_end(control.serial)
        if control.session.encrypted:
            return
        if acknowledged is not None:
            self.acknowledged(control, from_server, acknowledged, now_ns)
        stream = control.streams[from_server]
        if syn:
            stream.begin(sequence)
            sequence += 1
        if octets:
            self._read(control, from_server, stream.add(sequence, octets, now_ns), now_ns)
        if closes and not from_server:
            control.session.client_closes()

    def command(self, control: Control, command: Command, now_ns: int) -> None:
        """A line of the client."""
        session = control.session
        if session.encrypted:
            return
        control.tally.count("commands", now_ns)
        session.command(command, now_ns)
        if session.events:
            self._take(control, now_ns)

    def reply_line(self, control: Control, code: int, more: bool, area: Octets, begin: int, end: int, now_ns: int) -> None:
        """A line of the server, see Replies.take."""
        session = control.session
        if session.encrypted:
            return
        reply = session.replies.take(code, more, area, begin, end)
        if reply is None:
            session.tell_broken()
        else:
            if reply.hundreds <= MAX_CLASS:
                control.tally.count(_REPLIES[reply.hundreds], now_ns)
            session.reply(reply, now_ns)
        if session.events:
            self._take(control, now_ns)

    def left(self, control: Control) -> None:
        """The client closes its control connection."""
        if not control.session.encrypted:
            control.session.client_closes()

    def acknowledged(self, control: Control, from_server: bool, number: int, now_ns: int) -> None:
        """One side acknowledges what the other has sent up to `number`."""
        if not control.session.encrypted:
            self._read(control, not from_server, control.streams[not from_server].acknowledged(number), now_ns)

    def touch(self, control: Control, now_ns: int) -> None:
        """It is the one that said something last."""
        if not control.gone:
            control.last_ns = now_ns
            self._controls.move_to_end(control.serial)

    def crowded_with(self, more: int) -> bool:
        """With so many more sessions, one that has been silent for longest may have to go: the order of segments matters."""
        return len(self._controls) + more > self._max_sessions

    def dormant(self, client: Endpoint, server: Endpoint) -> bool:
        """A connection between these ends would continue a session."""
        return bool(self._dormant) and (client, server) in self._dormant

    def opened(self, serial: int, client: Endpoint, server: Endpoint, start_ns: int) -> None:
        """Another connection between hosts that have a session."""
        expectation = self.attribution.opened(serial, client, server, start_ns)
        if expectation is not None and expectation.transfer is not None:
            self._waiting.pop(expectation.transfer.number, None)

    def ended(self, state: np.void) -> None:
        """A connection has ended: CONNECTION."""
        serial, by = int(state["serial"]), int(state["ended_by"])
        control = self._controls.get(serial)
        if control is not None:
            if by in (TIMEOUT, EVICTED):
                self._dormant[control.ends] = control
            else:
                self._end(control, UNFINISHED if by == CAPTURE_END else LOST, max(int(state["end_ns"]), control.last_ns))
            return
        data = self.attribution.ended(state)
        if data is not None and data.expectation is not None and data.expectation.transfer is not None:
            self._settle(data.expectation.transfer)

    def flush(self, now_ns: int) -> None:
        """Packet time has reached now_ns."""
        self._last_ns = now_ns
        for transfer in list(self._waiting.values()):
            if abs(now_ns - transfer.answered_ns) >= DATA_WAIT_NS:
                self._publish(transfer)
        while self._controls:
            control = next(iter(self._controls.values()))
            if abs(now_ns - control.last_ns) <= self._idle_ns:  # it may be of a recording that was later
                break
            if any(t.data is not None and t.data.state is None for t in control.session.transfers):  # what it waits for goes on
                control.last_ns = now_ns
                self._controls.move_to_end(control.serial)
            else:
                self._end(control, TIMED_OUT, now_ns)
        self.attribution.flush(now_ns)

    def finish(self) -> None:
        """Nothing more comes."""
        for control in list(self._controls.values()):
            self._end(control, UNFINISHED, max(self._last_ns, control.last_ns))
        for number, control in list(self._open.items()):
            self._publish(control.transfers[number])
        self.attribution.finish()

    def counters(self) -> dict[str, int]:
        """By name, as a monitor shows them."""
        return {"ftp_sessions": len(self._controls), "ftp_sessions_evicted": self.evicted, "ftp_transfers": self.transfers,
                "ftp_transfers_open": len(self._open), "ftp_lines_skipped": self.skipped, "ftp_gaps": self.gaps,
                "ftp_data_unmatched": self.attribution.unmatched}

    # --- within

    def _read(self, control: Control, from_server: bool, pieces: list[bytes | None], now_ns: int) -> None:
        """Pieces of a stream: their lines become part of the dialogue."""
        session, lines = control.session, control.lines[from_server]
        for piece in pieces:
            skipped = lines.skipped
            if piece is None:
                self.gaps += 1
                lines.gap()
                session.gap(from_server)
            else:
                for line in lines.feed(piece):
                    if from_server:
                        self.reply_line(control, reply_code(line), line[3:4] == b"-", line, 4, len(line), now_ns)
                    else:
                        self.command(control, parse_command(line), now_ns)
            for _ in range(lines.skipped - skipped):
                session.line_skipped()
            if session.events:
                self._take(control, now_ns)

    def _take(self, control: Control, now_ns: int) -> None:
        """What happened in the session."""
        session = control.session
        events, session.events = session.events, []
        for event in events:
            kind = type(event)
            if kind is Counted:
                self.skipped += event.name == "lines_skipped"
                control.tally.count(event.name, now_ns)
            elif kind is Began:
                transfer = event.transfer
                control.transfers[transfer.number] = transfer
                self._open[transfer.number] = control
                self._resumes.began(transfer)
                self.attribution.began(transfer)
            elif kind is Announced:
                self.attribution.announced(event.expectation)
                self._withdraw_superseded(control)
                control.announced.append(event.expectation)
            elif kind is Answered:
                self._settle(event.transfer)

    def _withdraw_superseded(self, control: Control) -> None:
        if not control.announced:
            return
        for expectation in list(control.announced):
            if expectation.transfer is None and expectation is not control.session.expected:
                self.attribution.withdrawn(expectation)
                control.announced.remove(expectation)

    def _settle(self, transfer: Transfer) -> None:
        """Publish the transfer if all is known of it."""
        if not transfer.answered_ns or transfer.number not in self._open:
            return
        if transfer.data is not None:
            if transfer.data.state is not None:
                self._publish(transfer)
        elif transfer.expectation is None or transfer.expectation.listener is None or transfer.without_data:
            self._publish(transfer)
        else:
            self._waiting[transfer.number] = transfer
            if len(self._waiting) > MAX_WAITING:
                self._publish(next(iter(self._waiting.values())))

    def _publish(self, transfer: Transfer) -> None:
        control = self._open.pop(transfer.number)
        del control.transfers[transfer.number]
        self._waiting.pop(transfer.number, None)
        transfer.close()
        self._resumes.ended(transfer)
        self.transfers += 1
        self._published(control, transfer)
        if transfer.expectation is not None:
            self.attribution.withdrawn(transfer.expectation)
            if transfer.expectation in control.announced:
                control.announced.remove(transfer.expectation)

    def _end(self, control: Control, cause: str, now_ns: int) -> None:
        """The session is over; its transfers may still wait for their data connections."""
        if control.read_by_segments:
            for from_server in (True, False):
                self._read(control, from_server, control.streams[from_server].rest(), now_ns)
        control.session.ends(cause, now_ns)
        self._take(control, now_ns)
        self._withdraw_superseded(control)
        control.gone = True
        self.attribution.remove(control.session)
        del self._controls[control.serial]
        if self._dormant.get(control.ends) is control:
            del self._dormant[control.ends]
