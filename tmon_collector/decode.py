"""Datagrams in, rows to the spool, answers out: a PDU is acknowledged after its rows are written, never before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import numpy as np

from tmon_collector.gathering import Gathering
from tmon_collector.journal import Record, Remembered, WrittenIds
from tmon_collector.probes import MAX_AHEAD, Probes, Run
from tmon_collector.sessions import Sessions
from tmon_collector.statistics import CollectorStatistics
from tmon_common.analyses.catalogue import catalogue
from tmon_common.observations import ONE_WAY_OBSERVATION, Kind
from tmon_common.pdu.ack import pack_acks, pack_heard
from tmon_common.pdu.contents import (
    OBSERVATIONS_OCTETS,
    Heartbeat,
    Observations,
    parse_heartbeat,
    parse_observations,
)
from tmon_common.pdu.error import PduError
from tmon_common.pdu.header import ACK, HEARD, HEARTBEAT, REFUSAL, parse_header, run_ms
from tmon_common.pdu.one_way import Block
from tmon_common.pdu.one_way import decode as decode_one_way
from tmon_common.pdu.packing import unpacked

Address = Any  # of a socket: (host, port, ...)


class Sink(Protocol):
    """Where lines go: the spool."""

    def append(self, kind: Kind, lines: memoryview, runs: Sequence[WrittenIds], old: Sequence[tuple[int, int]]) -> bool:
        """Writes lines of a kind, and of which PDUs they are (and which runs are over), all or none. False: it could not."""

    def record(self, runs: Sequence[WrittenIds], old: Sequence[tuple[int, int]]) -> bool:
        """The same of PDUs whose contents are kept elsewhere."""


class OneWaySink(Protocol):
    """Where observations of packets go, which are no lines yet."""

    def wants(self, flow_class: str) -> bool:
        """Whether there is such a class."""

    def keep(self, blocks: Sequence[tuple[str, int, bytes, Block]]) -> bool:
        """Keeps (probe, run in ms, payload, the same decoded) so that it outlives a kill. False: it could not."""

    def take(self, blocks: Sequence[tuple[str, int, bytes, Block]]) -> None:
        """These were kept, and are acknowledged."""


_Pending = tuple[Run, int, Address, int]  # a PDU: its run, its id, where it came from, how many rows it has
Keeper = Callable[[str, np.ndarray, str, int, Sequence[str]], bool]

MAX_PENDING_BLOCKS = 1024
"""PDUs of one-way observations that are kept together."""


class Decoding:
    """The engine of the collector. probes: names of the declared ones; sessions: their seals.

    kinds   what it understands, by number; None: all that are installed
    hear    called with (probe, run in ms, heartbeat, wall clock and monotonic one when it was received) for each heartbeat
    observers   by name of a kind: each called with (kind, words, probe, run in ms, strings) for each PDU once its rows are written
    keepers     by name of a kind: the same, before they are written; False: it could not be kept, they are not written now
    one_way     takes one-way observations; None: these are refused
    """

    def __init__(self, probes: Iterable[str], sessions: Sessions, sink: Sink, kinds: Mapping[int, Kind] | None = None,
                 hear: Callable[[str, int, Heartbeat, int, int], None] = lambda *_: None,
                 observers: Mapping[str, Sequence[Callable]] | None = None, keepers: Mapping[str, Keeper] | None = None,
                 one_way: OneWaySink | None = None) -> None:
        self.statistics = CollectorStatistics()
        self.probes = Probes(probes, sessions.proves)
        self._sink = sink
        self._kinds = catalogue().kinds_by_number() if kinds is None else kinds
        self._sessions, self._hear = sessions, hear
        self._observers, self._keepers, self._one_way = observers or {}, keepers or {}, one_way
        self._blocks: list[tuple[str, int, bytes, Block]] = []  # one-way observations, and the PDUs they came in
        self._blocks_of: list[_Pending] = []
        self._gatherings: dict[int, Gathering] = {}
        self._pending: dict[int, list[_Pending]] = {}  # by kind: PDUs gathered, not yet written
        self._answers: dict[tuple[int, int, int, Address], list[int]] = {}  # ids by type, probe, run, destination
        self._heard: list[tuple[int, int, Address]] = []  # heartbeats to be answered: probe, run, destination

    def handle(self, datagrams: Iterable[tuple[bytes, Address]], now_ns: int, wall_ns: int) -> list[tuple[bytes, Address]]:
        """Takes what one wake-up received (datagram, from where); returns the answers to send, after writing.

        now_ns: monotonic; wall_ns: since 1970-01-01 UTC.
        """
        bad = None
        for datagram, address in datagrams:
            self.statistics.datagrams += 1
            self.statistics.octets += len(datagram)
            try:
                self._take(datagram, address, now_ns, wall_ns)
            except PduError as error:
                self.statistics.rejected[error.reason] += 1
                self._reject(datagram, now_ns)
                bad = address
        for number in self._pending:
            self._write(number)
        self._keep_blocks()
        if bad is not None:
            self.statistics.last_bad = str(bad[0])
        self.probes.forget_candidates()
        answers = self._pack_answers(wall_ns)
        self._sessions.forget()
        return answers

    def _take(self, datagram: bytes, address: Address, now_ns: int, wall_ns: int) -> None:
        pdu_type, probe, run, content = self._sessions.open(datagram)
        self.probes.check(probe, run)
        if pdu_type != HEARTBEAT:
            header = parse_observations(content)
            self.probes.heard(probe, run, now_ns)
            self._take_observations(header, pdu_type, content, self.probes.run_of(probe, run), address)
        else:
            heartbeat = parse_heartbeat(content)
            self.probes.heard(probe, run, now_ns)
            self._take_heartbeat(heartbeat, self.probes.known(probe, run))
            self.probes.counts[probe].heartbeats += 1
            self._hear(self.probes.name_of(probe), run_ms(run), heartbeat, wall_ns, now_ns)
            self._heard.append((probe, run, address))

    def _reject(self, datagram: bytes, now_ns: int) -> None:
        with suppress(PduError):
            self.probes.rejected(parse_header(datagram).probe, now_ns)

    def _take_heartbeat(self, heartbeat: Heartbeat, run: Run | None) -> None:
        """Makes no run, and no id count as written."""
        if run is not None:
            next_pdu = run.written.identify(heartbeat.next_pdu)
            if next_pdu > run.written.highest + 1 + MAX_AHEAD:
                raise PduError("implausible", f"next id {next_pdu} after {run.written.highest}")
            run.written.may_forget_below(next_pdu - heartbeat.behind)
        self.statistics.heartbeats += 1

    def _take_observations(self, header: Observations, pdu_type: int, content: bytes, run: Run, address: Address) -> None:
        pdu = run.written.identify(header.pdu)
        run.written.may_forget_below(pdu - header.behind)
        if pdu in run.written:
            self._count_duplicate(run)
            self._answer(ACK, run, pdu, address)
            return
        if pdu in run.pending:
            self._count_duplicate(run)
            return
        if not run.written.make_room():
            raise PduError("no_memory")
        one_way = header.kind == ONE_WAY_OBSERVATION.number
        gathering = None if one_way else self._gathering(header)
        try:
            payload = unpacked(pdu_type, content[OBSERVATIONS_OCTETS:])
            if one_way:
                self._add_block(payload, header, run)
            elif gathering is None:
                raise PduError("kind")
            else:
                gathering.add(payload, 0, len(payload), header, run.source)
        except PduError:
            self.statistics.refuse(f"kind {header.kind} of {run.probe}")
            run.counts.refused += 1
            self.statistics.last_bad = str(address[0])
            self._answer(REFUSAL, run, pdu, address)
            return
        if one_way:
            run.pending.add(pdu)
            self._blocks_of.append((run, pdu, address, header.rows))
            if len(self._blocks) >= MAX_PENDING_BLOCKS:
                self._keep_blocks()
            return
        self._pending.setdefault(header.kind, []).append((run, pdu, address, header.rows))
        run.pending.add(pdu)

    def _count_duplicate(self, run: Run) -> None:
        self.statistics.duplicates += 1
        run.counts.duplicates += 1

    def _add_block(self, payload: bytes, header: Observations, run: Run) -> None:
        block = decode_one_way(payload, 0, len(payload), header.rows)
        if self._one_way is None or not self._one_way.wants(block.form.flow_class):
            raise PduError("kind")
        self._blocks.append((run.probe, run_ms(run.run), payload, block))

    def _keep_blocks(self) -> None:
        """Keeps the one-way observations that have come, and acknowledges their PDUs if that succeeds."""
        if not self._blocks:
            return
        pdus, blocks = self._blocks_of, self._blocks
        self._blocks_of, self._blocks = [], []
        if self._one_way.keep(blocks) and self._sink.record(self._written(pdus), self.probes.newly_old):
            self._acknowledge(pdus, sum(len(block.words) for _, _, _, block in blocks))
            self._one_way.take(blocks)
        else:
            self._put_off(pdus)

    def _gathering(self, header: Observations) -> Gathering | None:
        """Where the rows of this PDU go; None for an unknown kind."""
        kind = self._kinds.get(header.kind)
        if kind is None:
            return None
        gathering = self._gatherings.get(header.kind)
        if gathering is None:
            gathering = self._gatherings[header.kind] = Gathering(kind)
        elif not gathering.has_room(header):
            self._write(header.kind)
        return gathering

    def _write(self, number: int) -> None:
        """Writes the rows gathered of a kind, and acknowledges their PDUs if that succeeds."""
        pdus = self._pending.get(number)
        if not pdus:
            return
        gathering = self._gatherings[number]
        if self._kept(gathering, pdus) and self._sink.append(gathering.kind, gathering.lines(), self._written(pdus),
                                                             self.probes.newly_old):
            self._acknowledge(pdus, gathering.rows)
            self.statistics.written[gathering.kind.name] += gathering.rows
            for observer in self._observers.get(gathering.kind.name, ()):
                for (run, *_), (words, strings) in zip(pdus, gathering.blocks(), strict=True):
                    observer(gathering.kind.name, words, run.probe, run_ms(run.run), strings)
        else:
            self._put_off(pdus)
        pdus.clear()
        gathering.clear()

    def _kept(self, gathering: Gathering, pdus: Sequence[_Pending]) -> bool:
        keep = self._keepers.get(gathering.kind.name)
        return keep is None or all(keep(gathering.kind.name, words, run.probe, run_ms(run.run), strings)
                                   for (run, *_), (words, strings) in zip(pdus, gathering.blocks(), strict=True))

    def _acknowledge(self, pdus: Sequence[_Pending], rows: int) -> None:
        self.statistics.pdus += len(pdus)
        self.statistics.rows += rows
        self.probes.newly_old.clear()
        for run, pdu, address, of_pdu in pdus:
            run.written.add(pdu)
            run.pending.discard(pdu)
            run.counts.pdus += 1
            run.counts.rows += of_pdu
            self.probes.remember(run)
            self._answer(ACK, run, pdu, address)

    def _put_off(self, pdus: Sequence[_Pending]) -> None:
        self.statistics.unwritten += len(pdus)
        for run, pdu, *_ in pdus:
            run.pending.discard(pdu)

    def _written(self, pdus: Iterable[_Pending]) -> list[WrittenIds]:
        """What the journal is told of PDUs."""
        ids: dict[Run, list[int]] = {}
        for run, pdu, *_ in pdus:
            ids.setdefault(run, []).append(pdu)
        return [WrittenIds(run.number, run.run, self._sessions.counter(run.number, run.run), _ranges(of_run))
                for run, of_run in ids.items()]

    def restore(self, remembered: Remembered) -> None:
        """What an earlier start has written, before anything is handled."""
        self.probes.old.update(remembered.old)
        for (probe, number), run in remembered.runs.items():
            self.probes.restore(probe, number, run.written)
            self._sessions.restore(probe, number, run.counter)

    def state(self) -> Iterator[Record]:
        """All that `restore` needs."""
        yield Record(runs=[WrittenIds(run.number, run.run, self._sessions.counter(run.number, run.run), run.written.ranges())
                           for run in self.probes.runs()])
        for probe, old in self.probes.old.items():
            yield Record(old=[(probe, run) for run in (*old.numbers, *old.clockless)],
                         floors=[(probe, old.floor)] if old.floor >= 0 else [])

    def _answer(self, pdu_type: int, run: Run, pdu: int, address: Address) -> None:
        self._answers.setdefault((pdu_type, run.number, run.run, address), []).append(pdu)

    def _pack_answers(self, wall_ns: int) -> list[tuple[bytes, Address]]:
        close = self._sessions.close
        packed = [(close(probe, run, pdu_type, content), address)
                  for (pdu_type, probe, run, address), pdus in self._answers.items() for content in pack_acks(pdus)]
        packed += [(close(probe, run, HEARD, pack_heard(wall_ns)), address) for probe, run, address in self._heard]
        self.statistics.acks_sent += len(packed)
        self.statistics.octets_sent += sum(len(datagram) for datagram, _ in packed)
        self._answers.clear()
        self._heard.clear()
        return packed


def _ranges(ids: list[int]) -> list[tuple[int, int]]:
    """Different numbers as ranges [first, end)."""
    ids.sort()
    ranges, first, last = [], ids[0], ids[0]
    for pdu in ids[1:]:
        if pdu != last + 1:
            ranges.append((first, last + 1))
            first = pdu
        last = pdu
    ranges.append((first, last + 1))
    return ranges
