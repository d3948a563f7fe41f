"""A receiver of flow records at work: socket, decoding and spool, until it is told to stop."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass

from tmon_collector.gathering import warm_up
from tmon_collector.netflow.bounds import LONGEST_MS
from tmon_collector.netflow.decoder import Decoder
from tmon_collector.netflow.output import RETRY_NS, Output
from tmon_collector.netflow.sessions import Exporters
from tmon_collector.netflow.statistics import NetflowStatistics
from tmon_collector.netflow.telling import Telling, figures
from tmon_collector.netflow.warm_up import warm_up as warm_up_netflow
from tmon_collector.own_rows import OwnRows
from tmon_collector.receive import Receiver
from tmon_collector.service import Service
from tmon_collector.spool import Spool
from tmon_collector.waiting import waiting
from tmon_common import service_manager
from tmon_common.clock import Clock
from tmon_common.config.model import Collector
from tmon_common.events import Event, event
from tmon_common.events.rows import rows_of

logger = logging.getLogger(__name__)

MAX_DATAGRAM_OCTETS = 65535
LAST_ROUNDS = 64
"""Wake-ups spent on what has already arrived when told to stop."""
LONGEST_WAIT_NS = 60_000_000_000
COMPONENT = "netflow"


@dataclass(frozen=True)
class Options:
    """linger_ns: how long a minute is open after its end; ports: of ports.POLICIES; sampling: the rate of exporters that tell
    none; longest_ms: flows that last longer are taken to have lasted so long."""

    linger_ns: int = 60_000_000_000
    ports: str = "service"
    sampling: int = 1
    longest_ms: int = LONGEST_MS


class Server:
    """parameters: name, address, port, buffer and spool. SpoolError or ListenError when it cannot start."""

    def __init__(self, parameters: Collector, exporters: Exporters, options: Options, clock: Clock) -> None:
        self._parameters, self._clock = parameters, clock
        self.receiver = _listen(parameters)
        try:
            self.spool = Spool(parameters, clock)
        except BaseException:
            self.receiver.close()
            raise
        self.spool.take_remembered()
        self.spool.compact()
        self.statistics = NetflowStatistics()
        self._telling = Telling(parameters.name, self.statistics, clock.monotonic_ns())
        self.decoder = Decoder(exporters, self.statistics, options.sampling, options.longest_ms, self._telling.happened)
        run_ms = clock.wall_ns() // 1_000_000
        self.output = Output(self.spool, exporters.names, run_ms, self.statistics, options.linger_ns, options.ports)
        self._events = OwnRows(self.spool, parameters.name, run_ms, self.statistics)
        self._host = parameters.host or socket.gethostname()
        self._service = Service(clock, self._status)
        self._stop = False

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Receives until SIGTERM or SIGINT, then takes what has already arrived and completes all files.

        on_ready: called once everything is in place. In the main thread only.
        """
        with waiting(self.receiver, self._ask_to_stop) as wait:
            try:
                warm_up()
                warm_up_netflow()
                self._started()
                on_ready()
                while not self._stop:
                    wait(self._wait_s())
                    self._round()
                    self._service.look()
                service_manager.stopping("asked to")
                for _ in range(LAST_ROUNDS):
                    if not self._round():
                        break
            finally:
                self._close()

    def _round(self) -> int:
        """One wake-up. Gives how many datagrams there were."""
        received = self.receiver.received()
        wall_ns = self._clock.wall_ns()
        if received:
            flows = self.decoder.handle([(datagram, host_of(address[0])) for datagram, address in received], wall_ns)
            self.output.add(flows, wall_ns)
        self.output.tick(wall_ns)
        self.spool.rotate()
        if self.spool.journal_long:
            self.spool.compact()
        self._tell()
        return len(received)

    def _wait_s(self) -> float:
        wall_ns, now_ns = self._clock.wall_ns(), self._clock.monotonic_ns()
        waits_ns = [LONGEST_WAIT_NS, self._service.wait_ns()]
        waits_ns += [at - wall_ns for at in (self.output.next_ns(), self.spool.next_rotation()) if at is not None]
        if (at := self._telling.next_ns()) is not None:
            waits_ns.append(at - now_ns)
        if self._events.waiting:
            waits_ns.append(RETRY_NS)
        return max(0, min(waits_ns)) / 1e9

    def _status(self) -> str:
        s = self.statistics
        return f"listening on port {self.receiver.port}; {len(self.decoder.exporters.names)} exporters, {s.records:,} records"

    def _started(self) -> None:
        recovery, now_ns = self.spool.recovery, self._clock.wall_ns()
        logger.info("netflow receiver %s listening on %s port %d, spool %s", self._parameters.name, self.receiver.address,
                    self.receiver.port, self._parameters.spool)
        if recovery.files or recovery.cut or recovery.missing:
            self._publish([event("collector_recovered", now_ns, self._parameters.name, files=recovery.files, cut=recovery.cut,
                                 missing=recovery.missing, runs=0)])
        self._publish([event("netflow_started", now_ns, self._parameters.name, port=self.receiver.port)])

    def _tell(self) -> None:
        now_ns = self._clock.monotonic_ns()
        self._publish(self._telling.events(now_ns, self._clock.wall_ns()))
        happened, self.spool.happened = self.spool.happened, []
        self._publish(happened, told=True)
        if self._events.waiting:
            self._events.flush()
        line = self._telling.line(now_ns, len(self.decoder.exporters.names), len(self.output.flows), self.output.waiting,
                                  self.decoder.early.waiting)
        if line:
            logger.info("%s", line)

    def _publish(self, events: list[Event], *, told: bool = False) -> None:
        for happening in () if told else events:
            logger.log(happening.severity.level, "%s", happening.text)
        if events:
            self._events.publish(rows_of(events, self._host, COMPONENT))

    def _close(self) -> None:
        now_ns = self._clock.wall_ns()
        self.decoder.close()
        self.output.close(now_ns)
        self._tell()
        self._publish([event("netflow_stopped", now_ns, self._parameters.name, reason="asked to" if self._stop else "a failure",
                             records=self.statistics.records)])
        self._events.flush()
        self.spool.close()
        self.receiver.close()
        logger.info("stopped; %s", figures(self.statistics, len(self.decoder.exporters.names)))

    def _ask_to_stop(self, *_: object) -> None:
        self._stop = True


def host_of(address: str) -> str:
    """An address as people write it: IPv4 ones that came by an IPv6 socket as such, without the interface of link-local ones."""
    return address.removeprefix("::ffff:") if address.startswith("::ffff:") and "." in address else address.split("%", 1)[0]


def _listen(parameters: Collector) -> Receiver:
    """Without an address: at all of this machine, of IPv6 and IPv4 if there are both."""
    address = parameters.address or ("::" if _has_ipv6() else "0.0.0.0")  # noqa: S104 wanted
    return Receiver(address, parameters.port, parameters.receive_buffer_octets, MAX_DATAGRAM_OCTETS)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True
