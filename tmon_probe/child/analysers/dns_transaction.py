"""DNS queries over UDP with their responses, in full. Python looks at each message: off unless a class asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from tmon_common.analyses.built_in import DNS_TRANSACTION as DECLARED
from tmon_common.config.model import Analysis
from tmon_common.observations import ABSENT, DNS_TRANSACTION, Rows
from tmon_probe import records as r
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task, points_of
from tmon_probe.child.dns.message import Message, read_message, shortened
from tmon_probe.child.dns.names import DnsError
from tmon_probe.child.dns.registry import class_name, opcode_name, rcode_name, type_name
from tmon_probe.child.dns.waiting import Query, Waiting
from tmon_probe.demand import DNS, Demand, Fragments, Service

SERVICE = Service("dns", DNS.protocol, DNS.ports, 4096)
"""What responders send at most unless told otherwise (RFC 6891 section 6.2.5); fragmented datagrams come whole anyway."""
MAX_NAME = 255
"""Characters of a name that are kept: more has only one that is full of escapes."""
_WANTED, _LOOKED_AT = np.uint32(r.SERVICE | r.HAS_UDP), np.uint32(r.SERVICE | r.HAS_UDP | r.QUOTED)
_SENT = ("src_hi", "src_lo", "dst_hi", "dst_lo", "src_port", "dst_port")
_INTERFACE = 0xFF


class DnsTransaction:
    """See `tmon_probe.child.analyser.Analyser`. For each granular flow definition a table of the queries that wait."""

    alerts: Mapping[str, str] = {"dns_transactions_given_up": "analysis_gave_up"}

    def __init__(self, tasks: list[Task], context: Context) -> None:
        self._emit = context.emit
        self._points = points_of(context.probe.interfaces)
        self._service = np.uint8(context.service_bits(SERVICE))
        self._tables = [(t.number, Waiting(DECLARED.option(t.analysis, "max_queries"), DECLARED.option(t.analysis, "timeout")))
                        for t in tasks]
        self._malformed = self._unmatched = 0

    @staticmethod
    def demand(analysis: Analysis) -> Demand:  # noqa: ARG004 the same for all
        return Demand(Fragments.WHOLE, (SERVICE,))

    def process(self, batch: FlowBatch) -> None:
        rows: list[tuple[Query, Message | None, int, int]] = []
        for i, message, octets, time_ns, (source, sender, target, receiver) in self._messages(batch):
            peers = ((*target, *source, receiver, sender) if message.response else (*source, *target, sender, receiver))
            peers = (*peers, message.id, self._point_of(int(batch.records["interface"][i])))
            for number, waiting in self._tables:
                entry = int(batch.flow[number][i])
                if entry < 0:
                    continue
                if not message.response:
                    waiting.ask(Query(peers, message.question, message.opcode, octets, entry, int(batch.numbers[entry]), time_ns))
                elif query := waiting.answer(peers, message.question, time_ns):
                    rows.append((query, message, octets, time_ns))
                else:
                    self._unmatched += 1
        for _, waiting in self._tables:
            rows += [(q, None, 0, 0) for q in waiting.unanswered]
            waiting.unanswered.clear()
        self._publish(rows)

    def flush(self, now_ns: int) -> None:
        self._publish_unanswered(q for _, waiting in self._tables for q in waiting.expired(now_ns))

    def retire(self, entries: np.ndarray) -> None:
        if any(len(waiting) for _, waiting in self._tables):
            gone = set(entries.tolist())
            self._publish_unanswered(q for _, waiting in self._tables for q in waiting.of(gone))

    def finish(self) -> None:
        self._publish_unanswered(q for _, waiting in self._tables for q in waiting.rest())

    def counters(self) -> Mapping[str, int]:
        """dns_messages_bad: those that could not be read to their end. dns_responses_unmatched: without a query that waited."""
        return {"dns_transactions_waiting": sum(len(waiting) for _, waiting in self._tables),
                "dns_transactions_given_up": sum(waiting.given_up for _, waiting in self._tables),
                "dns_messages_bad": self._malformed, "dns_responses_unmatched": self._unmatched}

    def _messages(self, batch: FlowBatch) -> Iterator[tuple]:
        """(record, message, its octets, time, ((two words of an address, then its port), of source and destination))."""
        records = batch.records[batch.first : batch.count]
        flags = records["flags"]
        whole = (flags & np.uint32(r.FRAGMENT) == 0) | (flags & np.uint32(r.REASSEMBLED) != 0)
        found = np.flatnonzero((flags & _LOOKED_AT == _WANTED) & whole)
        found = found[records["service"][found] & self._service != 0]
        if not len(found):
            return
        picked = records[found]
        words = [picked[name].view(np.int64).tolist() for name in _SENT[:4]]
        columns = (*words, *(picked[name].tolist() for name in (*_SENT[4:], "time_ns", "payload_octets")))
        for i, src_hi, src_lo, dst_hi, dst_lo, src_port, dst_port, time_ns, octets in zip(
                (found + batch.first).tolist(), *columns, strict=True):
            payload = batch.payload_of(i)[:octets]
            try:
                message = read_message(payload, cut=len(payload) < octets)
            except DnsError:
                self._malformed += 1
                continue
            self._malformed += bool(message.fault)
            yield i, message, octets, time_ns, ((src_hi, src_lo), src_port, (dst_hi, dst_lo), dst_port)

    def _point_of(self, interface: int) -> int:
        """Observation point: interface, or link of which it is a direction; those within a pcapng file apart."""
        return self._points[interface & _INTERFACE] + (interface & ~_INTERFACE)

    def _publish_unanswered(self, queries: Iterable[Query]) -> None:
        self._publish([(q, None, 0, 0) for q in queries])

    def _publish(self, rows: list[tuple[Query, Message | None, int, int]]) -> None:
        if not rows:
            return
        strings: dict[str, int] = {}
        values = [_row(strings, *row) for row in rows]
        self._emit(Rows(DNS_TRANSACTION, np.array(values, DNS_TRANSACTION.dtype), list(strings)))


def _row(strings: dict[str, int], query: Query, response: Message | None, octets: int, time_ns: int) -> tuple:
    """In the order of the columns."""

    def index(text: str | None) -> int:
        return ABSENT if text is None else strings.setdefault(text, len(strings))

    client_hi, client_lo, server_hi, server_lo, client_port, server_port, id_, _ = query.peers
    name, type_, class_ = query.question or (None, None, None)
    asked = (query.flow, query.time_ns, (client_hi, client_lo), client_port, (server_hi, server_lo), server_port, id_,
             index(name and shortened(name, MAX_NAME)), index(None if type_ is None else type_name(type_)))
    if response is None:
        answered = (ABSENT,) * 7
    else:
        answered = (time_ns - query.time_ns, index(rcode_name(response.rcode)), response.answers, index(response.answer or None),
                    ABSENT if response.ttl is None else response.ttl, int(response.truncated), int(response.authoritative))
    return (*asked, *answered, query.retries, query.octets, ABSENT if response is None else octets,
            index(opcode_name(query.opcode)), index(None if class_ is None else class_name(class_)))
