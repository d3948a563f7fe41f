"""A collector at work: socket, decoding and spool, until it is told to stop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict

from tmon_collector.decode import Decoding
from tmon_collector.gathering import warm_up
from tmon_collector.health_writer import HealthWriter, Working
from tmon_collector.key_store import KeyStore
from tmon_collector.linger import LINGER_LOOK_NS, Linger
from tmon_collector.one_way.online import OneWayClasses
from tmon_collector.one_way.warm_up import warm_up as warm_up_one_way
from tmon_collector.receive import Receiver
from tmon_collector.service import Service
from tmon_collector.shared_health import SharedHealth
from tmon_collector.spool import Spool
from tmon_collector.telling import Telling
from tmon_collector.thresholds.online import Thresholds
from tmon_collector.waiting import waiting
from tmon_common import service_manager
from tmon_common.agent_process import AgentProcess
from tmon_common.clock import Clock
from tmon_common.config.model import Collector as Parameters
from tmon_common.config.model import Configuration
from tmon_common.control import SWITCH_REASON, Control
from tmon_common.events import Event
from tmon_common.pdu.contents import Heartbeat

logger = logging.getLogger(__name__)

LAST_ROUNDS = 64  # wake-ups spent on what has already arrived when told to stop


class Collector:
    """The collector `parameters` of a configuration. SpoolError or ListenError when it cannot start.

    control     what operators ask of it while it runs
    """

    def __init__(self, configuration: Configuration, parameters: Parameters, clock: Clock, control: Control) -> None:
        self._parameters = parameters
        self._clock = clock
        self._control, self._linger = control, Linger()
        self._agent = AgentProcess(configuration, parameters, clock)
        self._debug = logger.isEnabledFor(logging.DEBUG)
        self.receiver = Receiver(parameters.address, parameters.port, parameters.receive_buffer_octets)
        try:
            self.spool = Spool(parameters, clock)
            self.keys = KeyStore(configuration, parameters.name, clock.monotonic_ns())
            self.thresholds = Thresholds(configuration, parameters.spool, self._publish, clock, parameters.name)
            observers = self.thresholds.observers()
            self.one_way = OneWayClasses(configuration, parameters, self.spool, self._publish, clock, observers,
                                         self.thresholds.settled)
            self.decoding = Decoding((p.name for p in configuration.probes), self.keys.sessions, self.spool, hear=self._hear,
                                     observers=observers, keepers=self.one_way.keepers(), one_way=self.one_way)
            self.thresholds.heard_ns = self.decoding.probes.heard_ns
            self.decoding.restore(self.spool.take_remembered())
            self.spool.state = self.decoding.state
            self.spool.compact()
            self._shared = SharedHealth(configuration, parameters, clock.wall_ns(), self.receiver.port)
        except BaseException:
            self.receiver.close()
            raise
        self.telling = Telling(configuration, parameters, self.spool, self.decoding, clock, self._shared.board.publish)
        self.health = HealthWriter(self._shared.block, Working(self.receiver, self.decoding, self.spool, self.keys, self.telling,
                                                               self.one_way, self.thresholds), clock)
        self._service = Service(clock, self._status)
        self._stop = False

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Receives until SIGTERM or SIGINT, then takes what has already arrived and completes all files.

        on_ready: called once everything is in place. In the main thread only.
        """
        self._control.take_signals()
        with waiting(self.receiver, self._ask_to_stop) as wait:
            try:
                service_manager.step("compiling")
                warm_up()
                if self.one_way.engines:
                    warm_up_one_way()
                logger.info("collector %s listening on %s port %d, spool %s", self._parameters.name, self.receiver.address,
                            self.receiver.port, self._parameters.spool)
                self.telling.tell(self._shared.previous_run_died(self._clock.wall_ns()))
                self.telling.started(self.receiver.port)
                self.health.write()
                on_ready()
                self.telling.tell([*self._control.started(), *self._agent.start()])
                while not (self._stop or self._may_restart()):
                    wait(self._wait_s())
                    self._round()
                    self._heed()
                for _ in range(LAST_ROUNDS):
                    if not self._round():
                        break
            finally:
                self.close()

    # ---- what operators ask for

    @property
    def restarting(self) -> bool:
        """After `run`: it ended for a switch of the configuration, and no signal has asked for more."""
        return self._control.switching and not self._stop

    @property
    def stopped(self) -> bool:
        """A signal has asked for the end."""
        return self._stop

    def _heed(self) -> None:
        self.telling.tell([*self._control.look(), *self._agent.look()])
        self._debug = logger.isEnabledFor(logging.DEBUG)

    def _may_restart(self) -> bool:
        """Probes that switch at the same moment deliver what they have; it is written before this collector goes."""
        statistics = self.decoding.statistics
        return self._control.switching and self._linger.over(statistics.pdus + statistics.duplicates, self._clock.monotonic_ns())

    # ---- its work

    def close(self) -> None:
        """Completes the files and lets go of socket and spool."""
        reason = SWITCH_REASON if self.restarting else "asked to" if self._stop else "a failure"
        if self.restarting:
            service_manager.reloading(f"{reason}: writing what is due")
        else:
            service_manager.stopping(reason)
        self.one_way.close()
        self.thresholds.close()
        self.telling.stopped(reason)
        self.spool.close()
        self.health.write()
        self.receiver.close()
        self._agent.end()  # it tells the last events from what is shared
        self._shared.close()
        counted = self.decoding.statistics
        logger.info("stopped; %d rows of %d PDUs written, %d duplicates, %d files completed", counted.rows, counted.pdus,
                    counted.duplicates, self.spool.completed)
        for name, counts in self.one_way.counts.items():
            told = ", ".join(f"{n} {what}" for what, n in asdict(counts).items() if n)
            logger.info("one-way class %s: %s", name, told or "nothing observed")
        if bad := counted.bad():
            logger.warning("datagrams that changed nothing, in all: %s", ", ".join(f"{n} {what}" for what, n in bad.most_common()))

    def _round(self) -> int:
        """One wake-up. Returns how many datagrams there were."""
        received = self.receiver.received()
        if received:
            answers = self.decoding.handle(received, self._clock.monotonic_ns(), self._clock.wall_ns())
            self.receiver.send(answers)
            if self._debug:
                self._tell_round(len(received), len(answers))
        self.spool.rotate()
        self.one_way.tick()
        self.thresholds.tick(self._clock.wall_ns())
        self.keys.look(self._clock.monotonic_ns())
        if self.spool.journal_long:
            self.spool.compact()
        self.telling.look()
        if self.health.look():
            self._service.look()
        return len(received)

    def _status(self) -> str:
        told = [f"listening on port {self.receiver.port}"]
        told += [f"{n} probes {state}" for state, n in self.health.states().items() if n]
        told += [f"{self.decoding.statistics.rows:,} rows"]
        return "; ".join([*told, "the spool cannot be written"] if self.spool.in_trouble else told)

    def _tell_round(self, received: int, answered: int) -> None:
        counted = self.decoding.statistics
        logger.debug("%d datagrams taken, %d answers sent; in all %d PDUs, %d rows, %d duplicates, %d rejected", received, answered,
                     counted.pdus, counted.rows, counted.duplicates, counted.rejected.total())

    def _wait_s(self) -> float:
        """How long to wait for datagrams: until a file is due, there is something to tell, or operators may have asked for
        something."""
        waits_ns = [LINGER_LOOK_NS if self._control.switching else self._control.wait_ns(),
                    *(part.wait_ns() for part in (self.telling, self.health, self._service, self._agent))]
        due = (self.spool.next_rotation(), self.thresholds.next_tick(), self.one_way.next_tick())
        waits_ns += [at - self._clock.wall_ns() for at in due if at is not None]
        return max(0, min(waits_ns)) / 1e9

    def _hear(self, probe: str, run_ms: int, heartbeat: Heartbeat, wall_ns: int, now_ns: int) -> None:
        self.telling.heard(probe, run_ms, heartbeat, wall_ns, now_ns)

    def _publish(self, event: Event) -> None:
        """An event of thresholds or one-way classes, which have told it in the log."""
        self.telling.publish([event])

    def _ask_to_stop(self, *_: object) -> None:
        self._stop = True
