"""Round trips of ICMP echo, DNS, SNMP, NTP and TCP: their distribution per flow, interval and responder, and each by itself."""

from __future__ import annotations

import numpy as np

from tmon_common.analyses.built_in import METRICS, ROUND_TRIP
from tmon_common.config.model import SECOND, Analysis
from tmon_common.observations import Rows
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task, points_of
from tmon_probe.child.round_trips.distribution import Distribution
from tmon_probe.child.round_trips.extract import Reader
from tmon_probe.child.round_trips.requests import Requests
from tmon_probe.child.round_trips.singles import round_trip_rows
from tmon_probe.child.round_trips.tcp_owners import TcpOwners
from tmon_probe.demand import DNS, NTP, SNMP, Demand, Fragments

SERVICES = {"dns": DNS, "snmp": SNMP, "ntp": NTP}
SWEEP_NS = SECOND
"""Requests that have waited too long are looked for every so often, in packet time."""


class RoundTrip:
    """Pairs are looked for in each granular flow definition by itself: its flows own the requests."""

    def __init__(self, tasks: list[Task], context: Context) -> None:
        classes, services = [0] * len(METRICS), [0] * len(METRICS)
        for task in tasks:
            for metric in _metrics_of(task.analysis):
                classes[METRICS.index(metric)] |= 1 << task.spec.bit
        for name, service in SERVICES.items():
            services[METRICS.index(name)] = context.service_bits(service)
        self._reader = Reader(classes, services)
        self._tasks = [_OfTask(task, context) for task in tasks]
        self._last_ns = 0
        self.alerts = {"requests_evicted": "analysis_gave_up"}

    @staticmethod
    def demand(analysis: Analysis) -> Demand:
        """Fragments whole: a long echo, or a DNS response, is one message however it was cut."""
        metrics = _metrics_of(analysis)
        return Demand(Fragments.WHOLE, services=tuple(s for name, s in SERVICES.items() if name in metrics))

    def process(self, batch: FlowBatch) -> None:
        if batch.count > batch.first:
            self._last_ns = int(batch.records["time_ns"][batch.count - 1])
        messages = self._reader.read(batch)
        for task in self._tasks:
            task.process(batch, messages)

    def flush(self, now_ns: int) -> None:
        for task in self._tasks:
            task.flush(now_ns)

    def retire(self, entries: np.ndarray) -> None:
        for task in self._tasks:
            task.retire(entries, self._last_ns)

    def finish(self) -> None:
        for task in self._tasks:
            task.finish(self._last_ns)

    def counters(self) -> dict[str, int]:
        found = dict.fromkeys(Requests.COUNTERS, 0) | {"round_trips_published_early": 0}
        for task in self._tasks:
            for name, value in task.requests.counters().items():
                found[name] += value
            found["round_trips_published_early"] += task.distribution.published_early
        return found | self._reader.counters()


class _OfTask:
    """Round trips of one granular flow definition."""

    def __init__(self, task: Task, context: Context) -> None:
        metrics, analysis = _metrics_of(task.analysis), task.analysis
        self._number, self._emit = task.number, context.emit
        self._single = ROUND_TRIP.option(analysis, "records")
        self.requests = Requests(ROUND_TRIP.option(analysis, "max_requests"), ROUND_TRIP.option(analysis, "timeout"),
                                 points_of(context.probe.interfaces), [METRICS.index(m) for m in metrics])
        self.distribution = Distribution(analysis.interval_ns, context.configuration.histogram_by_name[analysis.histogram])
        of_tcp = [m for m in metrics if m.startswith("tcp_")]
        self._tcp = TcpOwners(context.connections(task), task.number, of_tcp) if of_tcp else None
        self._swept_at = None

    def process(self, batch: FlowBatch, messages: np.ndarray) -> None:
        if len(messages):
            self._count(*self.requests.match(messages, batch, self._number))
        if self._tcp:
            self._count(*self._tcp.process(batch))

    def flush(self, now_ns: int) -> None:
        interval_ended = self.distribution.ends_an_interval(now_ns)
        if self._tcp:
            self._count(*self._tcp.aged(now_ns))
        if interval_ended or now_ns // SWEEP_NS != self._swept_at:
            self._swept_at = now_ns // SWEEP_NS
            self._count(*self.requests.expire(now_ns))
        if interval_ended:
            self._publish(self.distribution.close_until(now_ns))

    def retire(self, entries: np.ndarray, now_ns: int) -> None:
        self._count(*self.requests.retire(entries, now_ns))
        if self._tcp:
            self._tcp.retire(entries)
        self._publish(self.distribution.close_flows(entries))

    def finish(self, now_ns: int) -> None:
        if self._tcp:
            self._count(*self._tcp.aged(now_ns))  # those that had no time to be answered among them, as of the others
        self._count(*self.requests.rest(now_ns))
        self._publish(self.distribution.close_all())

    def _count(self, samples: np.ndarray, owners: np.ndarray) -> None:
        """SAMPLE (k,), OWNER (k,)."""
        if len(samples):
            self._publish(self.distribution.add(samples, owners))
            if self._single:
                self._publish([round_trip_rows(samples, owners)])

    def _publish(self, published: list[Rows]) -> None:
        for rows in published:
            if len(rows):
                self._emit(rows)


def _metrics_of(analysis: Analysis) -> frozenset[str]:
    return ROUND_TRIP.option(analysis, "metrics")
