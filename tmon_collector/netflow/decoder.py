"""Datagrams of exporters into flow records: an engine, times are passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from tmon_collector.netflow import flow_sets, v5
from tmon_collector.netflow.bounds import LONGEST_MS, bound_times, sound_counts
from tmon_collector.netflow.early_sets import EarlySets
from tmon_collector.netflow.layout import Layout, record_starts
from tmon_collector.netflow.messages import TEMPLATE_READERS, Message, read_message, sets
from tmon_collector.netflow.records import RECORD
from tmon_collector.netflow.sessions import Exporters, Session, Sessions
from tmon_collector.netflow.statistics import NetflowStatistics
from tmon_collector.netflow.templates import FIRST_DATA_SET, Template, TemplateError
from tmon_collector.netflow.times import UNKNOWN_UPTIME

_MS = 1_000_000
_MASK = 0xFFFF_FFFF
MAX_INIT_MS = 1 << 52
"""Nobody started later."""


class _Gathered:
    """Contents that are decoded together. counts: records of each."""

    def __init__(self, session: Session, template: Template | None) -> None:
        self.session, self.template = session, template
        self.contents: list[bytes | memoryview] = []
        self.starts: list[np.ndarray] = []
        self.heads: list[tuple[int, int, int, int]] = []  # records, export_ms, uptime_ms, sampling
        self.octets = 0

    def add(self, content: bytes | memoryview, starts: np.ndarray, head: tuple[int, int, int, int]) -> None:
        self.contents.append(content)
        self.starts.append(starts + self.octets)
        self.heads.append(head)
        self.octets += len(content)

    def per_record(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """export_ms, uptime_ms, sampling of each record, int64 (n,)."""
        counts, *values = np.array(self.heads, np.int64).T
        export_ms, uptime_ms, sampling = (np.repeat(v, counts) for v in values)
        return export_ms, uptime_ms, sampling


class Decoder:
    """sampling: the rate of exporters that tell none. happened: told of a session (it, what, how much): "sampling" (a rate is new),
    "lost" (negative: came after all), "restart"."""

    def __init__(self, exporters: Exporters, statistics: NetflowStatistics, sampling: int = 1, longest_ms: int = LONGEST_MS,
                 happened: Callable[[Session, str, int], None] = lambda *_: None) -> None:
        self.exporters, self.sessions, self.statistics = exporters, Sessions(), statistics
        self._sampling, self._longest_ms, self._happened = sampling, longest_ms, happened
        self.early, self._last_early = EarlySets(), ""
        self._gathered: dict[object, _Gathered] = {}
        self._decoded: list[np.ndarray] = []  # what was gathered before options changed what it means

    def handle(self, datagrams: Iterable[tuple[bytes, str]], now_ns: int) -> np.ndarray:
        """RECORD (n,) of what datagrams tell. datagrams: with the address of who sent each; now_ns: wall clock."""
        for datagram, address in datagrams:
            self.statistics.datagrams += 1
            self.statistics.octets += len(datagram)
            if reason := self._take(datagram, address, now_ns):
                self.statistics.refuse(reason, address)
        self._count_given_up()
        flows = [*self._decoded, *(self._decode(g, now_ns) for g in self._gathered.values())]
        self._gathered, self._decoded = {}, []
        if not flows:
            return np.zeros(0, RECORD)
        found = np.concatenate(flows)
        self.statistics.records += len(found)
        self.statistics.flow_octets += int(found["octets"].sum())
        self.statistics.flow_packets += int(found["packets"].sum())
        return found

    def close(self) -> None:
        """Nothing more will come: sets that wait for their template do so in vain."""
        self.early.forget()
        self._count_given_up()

    def _count_given_up(self) -> None:
        self.statistics.refuse("no_template", self._last_early, self.early.take_given_up())

    def _take(self, datagram: bytes, address: str, now_ns: int) -> str:
        """Reads a datagram. Gives why it changed nothing, empty if it did."""
        version = int.from_bytes(datagram[:2], "big")
        if version not in (5, 9, 10):
            return "version"
        exporter = self.exporters.number(address)
        if exporter is None:
            return "exporter"
        if version == 5:
            header = v5.read_header(datagram)
            if header is None:
                return "short"
            session = self.sessions.get(address, version, header.engine, exporter, now_ns)
            self._take_v5(datagram, header, session, now_ns)
            return ""
        message = read_message(datagram)
        if message is None:
            return "short"
        self._take_sets(datagram, message, self.sessions.get(address, version, message.domain, exporter, now_ns), now_ns)
        return ""

    def _take_v5(self, datagram: bytes, header: v5.Header, session: Session, now_ns: int) -> None:
        self._check(session, header.uptime_ms, header.sequence, header.count, None, now_ns)
        if header.sampling > 1 and session.sampling.whole != header.sampling:
            session.sampling.whole = header.sampling
            self._happened(session, "sampling", header.sampling)
        end = v5.HEADER.size + header.count * v5.RECORD_V5.itemsize
        self._group(session, None).add(datagram[v5.HEADER.size : end], np.zeros(0, np.int64), (
            header.count, header.export_ms, header.uptime_ms, max(header.sampling, 1) if header.sampling > 1 else self._sampling))

    def _take_sets(self, datagram: bytes, message: Message, session: Session, now_ns: int) -> None:
        records: int | None = 0
        options = 0
        if message.version == 9:
            self._check(session, message.uptime_ms, message.sequence, 1, None, now_ns)
        for number, content in sets(datagram, message):
            if content is None:
                self.statistics.refuse("length", session.name)
                records = None
            elif number >= FIRST_DATA_SET:
                found, are_options = self._take_data(session, number, content, message, now_ns)
                records = None if found is None or records is None else records + found
                options += found if are_options else 0
            elif read := TEMPLATE_READERS[message.version].get(number):
                self._take_templates(session, read, content, now_ns)
            else:
                self.statistics.refuse("unknown_set", session.name)
        if message.version == 10:
            self._check(session, None, message.sequence, records, None if records is None else records - options, now_ns)

    def _take_templates(self, session: Session, read: Callable, content: memoryview, now_ns: int) -> None:
        try:
            templates = read(content)
        except TemplateError:
            self.statistics.refuse("template", session.name)
            return
        for number, template in templates:
            if template is None and number < FIRST_DATA_SET:  # all of them (RFC 7011 section 8.1)
                session.templates.clear()
            elif not session.take_template(number, template, now_ns):
                self.statistics.refuse("templates", session.name)
            elif template is not None:
                for content_before, message in self.early.take(session, number, now_ns):
                    self._take_data(session, number, memoryview(content_before), message, now_ns)

    def _take_data(self, session: Session, number: int, content: memoryview, message: Message,
                   now_ns: int) -> tuple[int | None, bool]:
        """Gives how many records there are (None: not known), and whether they are options."""
        template = session.template(number, now_ns)
        if template is None:
            self.early.keep(session, number, content, message, now_ns)
            self._last_early = session.name
            return None, False
        starts = record_starts(template, content)
        if not len(starts):
            return 0, False
        if template.is_options:
            self._settle(session, now_ns)
            self._learn(session, Layout(template, np.frombuffer(content, np.uint8), starts))
        elif template.tells_flows:
            self._group(session, template).add(content, starts, (len(starts), message.export_ms, message.uptime_ms, 0))
        else:
            self.statistics.refuse("not_flows", session.name, len(starts))
        return len(starts), template.is_options

    def _settle(self, session: Session, now_ns: int) -> None:
        """Decodes what has come of a session so far: rates and the start that options tell count from there on."""
        for key in [k for k, g in self._gathered.items() if g.session is session]:
            self._decoded.append(self._decode(self._gathered.pop(key), now_ns))

    def _learn(self, session: Session, options: Layout) -> None:
        before = session.sampling.highest
        if session.sampling.learn(options) and max(before, session.sampling.highest) > 1:
            self._happened(session, "sampling", session.sampling.highest)
        if "init_ms" in options:
            told = int(options.numbers("init_ms")[-1])
            if 0 < told <= MAX_INIT_MS:
                session.init_ms = told

    def _check(self, session: Session, uptime_ms: int | None, sequence: int, count: int | None, flows: int | None,
               now_ns: int) -> None:
        if uptime_ms is not None and not session.ran_for(uptime_ms):
            self._settle(session, now_ns)
            session.forget()
            self.early.forget(session)
            self._happened(session, "restart", 0)
        lost = session.sequence.came(sequence, count, flows)
        self.statistics.lost += lost
        if lost:
            self._happened(session, "lost", lost)

    def _group(self, session: Session, template: Template | None) -> _Gathered:
        key = session if template is None else template
        if key not in self._gathered:
            self._gathered[key] = _Gathered(session, template)
        return self._gathered[key]

    def _decode(self, gathered: _Gathered, now_ns: int) -> np.ndarray:
        session, template = gathered.session, gathered.template
        octets = b"".join(gathered.contents)
        export_ms, uptime_ms, rates = gathered.per_record()
        if template is None:
            flows = v5.decode(octets, np.full(len(export_ms), session.exporter), export_ms, uptime_ms)
            told = np.ones(len(flows), bool)
        else:
            layout = Layout(template, np.frombuffer(octets, np.uint8), np.concatenate(gathered.starts))
            if session.init_ms is not None:
                uptime_ms = np.where(uptime_ms == UNKNOWN_UPTIME, (export_ms - session.init_ms) & _MASK, uptime_ms)
            flows, told, origin = flow_sets.decode(layout, session.exporter, export_ms, uptime_ms)
            rates = session.sampling.rates(layout, self._sampling)[origin]
        bound_times(flows, told, now_ns // _MS, self.statistics, self._longest_ms)
        return sound_counts(flows, rates, self.statistics, session.name)
