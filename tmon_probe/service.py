"""What the service manager hears of a probe (sd_notify(3)): how its start gets on, that it captures, that all processes get on."""

from __future__ import annotations

from collections.abc import Sequence

from tmon_common.clock import Clock
from tmon_common.config.model import SECOND, Probe
from tmon_common.service_manager import Watchdog, notify, ready, watchdog_period_ns
from tmon_probe.health import ProbeStatistics

STATUS_EVERY_NS = 5 * SECOND


class Service:
    """Of the main process, while fathers and child are at work. The watchdog hears of them only when each has turned since it did
    last: the child, and every father that has not finished its recordings.
    """

    def __init__(self, probe: Probe, statistics: ProbeStatistics, clock: Clock) -> None:
        self._probe, self._statistics, self._clock = probe, statistics, clock
        self._watchdog = Watchdog(watchdog_period_ns())
        self._ready = False
        self._packets, self._status_ns = 0, clock.monotonic_ns()

    def look(self, fathers: Sequence[int]) -> None:
        """To be called often. fathers: numbers of those that still have something to read."""
        now_ns = self._clock.monotonic_ns()
        turns = [self._statistics.child().get("child_turns"), *(self._statistics.father(n).get("turns") for n in fathers)]
        if not self._ready and all(turns):
            self._ready = True
            ready(f"capturing, interfaces: {len(self._probe.interfaces)}")
        self._watchdog.progress(now_ns, *turns)
        if now_ns - self._status_ns >= STATUS_EVERY_NS:
            notify(STATUS=self._status(now_ns))

    def _status(self, now_ns: int) -> str:
        numbers = self._statistics.snapshot()
        rate = (numbers["packets_seen"] - self._packets) * SECOND / (now_ns - self._status_ns)
        self._packets, self._status_ns = numbers["packets_seen"], now_ns
        lost = [p.collector for n, p in enumerate(self._probe.publications) if numbers[f"collector_{n}_long_retry"]]
        gone = [i.name for n, i in enumerate(self._probe.interfaces) if numbers[f"interface_{n}_device_gone"]]
        told = [f"{rate:,.0f} packets/s, {numbers['packets_seen']:,} in all, {numbers['kernel_drops']:,} dropped by the kernel"]
        told += [f"nothing acknowledged by {', '.join(lost)}"] if lost else []
        told += [f"device gone: {', '.join(gone)}"] if gone else []
        return "; ".join(told)
