"""The analyser: a kernel looks at every packet, Python only at those that carry a ClientHello."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from tmon_common.config.model import Analysis
from tmon_common.observations import ABSENT, Rows
from tmon_probe import records as r
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task
from tmon_probe.demand import TCP, Demand, Fragments, Service
from trafmon_tls_names.client_hello import CLIENT_HELLO, HANDSHAKE, read_client_hello
from trafmon_tls_names.declaration import KIND, TLS_CLIENT_HELLO

MAX_OCTETS = 2048
"""Of the payload of each packet; a ClientHello may be longer, its server name mostly stands in front."""
LEAST_OCTETS = 6
_WANTED = r.SERVICE | r.HAS_TCP
_LOOKED_AT = _WANTED | r.QUOTED | r.REASSEMBLED


@njit(cache=True, nogil=True)
def find_hellos(records, first, count, flow, lanes, areas, service, found):
    """Positions, into `found`, of the records of these flows and this service that begin with a ClientHello; how many."""
    wrap = areas.shape[1] - 1
    hits = 0
    for i in range(first, count):
        record = records[i]
        if flow[i] < 0 or record.flags & _LOOKED_AT != _WANTED or record.service & service == 0:
            continue
        if record.payload_at == 0 or record.bytes_length < record.payload_at + LEAST_OCTETS:
            continue
        at = (record.bytes_offset & wrap) + record.payload_at
        lane = lanes[i]
        if areas[lane, at] == HANDSHAKE and areas[lane, at + 1] == 3 and areas[lane, at + 5] == CLIENT_HELLO:
            found[hits] = i
            hits += 1
    return hits


def service_of(analysis: Analysis) -> Service:
    return Service("tls", TCP, TLS_CLIENT_HELLO.option(analysis, "ports"), MAX_OCTETS)


class TlsClientHello:
    """See tmon_probe.child.analyser.Analyser."""

    def __init__(self, tasks: list[Task], context: Context) -> None:
        self._emit = context.emit
        self._tasks = [(t.number, np.uint8(context.service_bits(service_of(t.analysis)))) for t in tasks]
        self._hellos = self._cut = 0

    @staticmethod
    def demand(analysis: Analysis) -> Demand:
        return Demand(Fragments.FIRST, (service_of(analysis),))

    def process(self, batch: FlowBatch) -> None:
        found = np.empty(batch.count - batch.first, np.int64)
        for number, service in self._tasks:
            hits = find_hellos(batch.records, batch.first, batch.count, batch.flow[number], batch.lanes, batch.areas, service,
                               found)
            if hits:
                self._publish(batch, number, found[:hits].tolist())

    def flush(self, now_ns: int) -> None:
        """Nothing waits: rows are published as they are found."""

    def retire(self, entries: np.ndarray) -> None:
        """Nothing is kept of a flow."""

    def finish(self) -> None:
        """Nothing waits."""

    def counters(self) -> Mapping[str, int]:
        return {"tls_client_hellos": self._hellos, "tls_client_hellos_cut": self._cut}

    def _publish(self, batch: FlowBatch, number: int, found: list[int]) -> None:
        strings: dict[str, int] = {}
        rows = []
        for i in found:
            hello = read_client_hello(batch.payload_of(i))
            if hello is None:
                continue
            self._hellos += 1
            self._cut += not hello.complete
            record = batch.records[i]
            names = [ABSENT if text is None else strings.setdefault(text, len(strings))
                     for text in (hello.server_name, hello.protocol_name)]
            rows.append((batch.numbers[batch.flow[number][i]], record["time_ns"], _address(record, "src"), record["src_port"],
                         _address(record, "dst"), record["dst_port"], *names, hello.complete))
        if rows:
            self._emit(Rows(KIND, np.array(rows, KIND.dtype), list(strings)))


def _address(record: np.void, side: str) -> tuple[np.int64, np.int64]:
    return record[f"{side}_hi"].astype(np.int64), record[f"{side}_lo"].astype(np.int64)
