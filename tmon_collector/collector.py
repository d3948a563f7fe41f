"""A collector at work: socket, decoding and spool, until it is told to stop."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tmon_collector.csv_text import csv_field
from tmon_collector.decode import Decoding
from tmon_collector.gathering import Gathering, warm_up
from tmon_collector.key_store import KeyStore
from tmon_collector.receive import MAX_RECEIVED, Receiver
from tmon_collector.spool import Spool
from tmon_collector.thresholds.online import Thresholds
from tmon_common.clock import Clock
from tmon_common.config.model import Collector as Parameters
from tmon_common.config.model import Configuration
from tmon_common.events import Event
from tmon_common.events.rows import rows_of
from tmon_common.observations import EVENT
from tmon_common.pdu.codec import Encoder
from tmon_common.pdu.contents import Observations
from tmon_common.pdu.header import MAX_PDU_OCTETS

logger = logging.getLogger(__name__)

TELL_NS = 60_000_000_000  # datagrams that changed nothing are told at most once in this time
LAST_ROUNDS = 64  # wake-ups spent on what has already arrived when told to stop


class Collector:
    """The collector `parameters` of a configuration. SpoolError or ListenError when it cannot start.

    next_configuration  where the version that follows will be put; the scheduled switch is still to come
    """

    def __init__(self, configuration: Configuration, parameters: Parameters, clock: Clock,
                 next_configuration: Path | None = None) -> None:
        self.next_configuration = next_configuration
        self._parameters = parameters
        self._clock = clock
        self._run_ms = clock.wall_ns() // 1_000_000
        self.receiver = Receiver(parameters.address, parameters.port, parameters.receive_buffer_octets)
        try:
            self.spool = Spool(parameters, clock)
            self.keys = KeyStore(configuration, parameters.name, clock.monotonic_ns())
            self.thresholds = Thresholds(configuration, parameters.spool, self._publish, clock, parameters.name)
            self.decoding = Decoding((p.name for p in configuration.probes), self.keys.sessions, self.spool,
                                     observers=self.thresholds.observers())
            self.thresholds.heard_ns = self.decoding.probes.heard_ns
        except BaseException:
            self.receiver.close()
            raise
        self._told: Counter[str] = Counter()
        self._tell_after_ns = clock.monotonic_ns() + TELL_NS
        self._stop = False

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Receives until SIGTERM or SIGINT, then takes what has already arrived and completes all files.

        on_ready: called once everything is in place. In the main thread only.
        """
        wake, wake_end = socket.socketpair()
        wake.setblocking(False)
        wake_end.setblocking(False)
        previous = signal.set_wakeup_fd(wake_end.fileno(), warn_on_full_buffer=False)
        handlers = {s: signal.signal(s, self._ask_to_stop) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self.receiver, selectors.EVENT_READ)
                selector.register(wake, selectors.EVENT_READ)
                warm_up()
                logger.info("collector %s listening on %s port %d, spool %s", self._parameters.name, self.receiver.address,
                            self.receiver.port, self._parameters.spool)
                on_ready()
                while not self._stop:
                    selector.select(self._wait_s())
                    self._round()
            for _ in range(LAST_ROUNDS):
                if not self._round():
                    break
        finally:
            self.close()
            signal.set_wakeup_fd(previous)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            wake.close()
            wake_end.close()

    def close(self) -> None:
        """Completes the files and lets go of socket and spool."""
        self.thresholds.close()
        self.spool.close()
        self.receiver.close()
        self._tell()
        counted = self.decoding.statistics
        logger.info("stopped; %d rows of %d PDUs written, %d duplicates, %d files completed", counted.rows, counted.pdus,
                    counted.duplicates, self.spool.completed)

    def _round(self) -> int:
        """One wake-up. Returns how many datagrams there were."""
        received = self.receiver.received()
        if received:
            self.receiver.send(self.decoding.handle(received, self._clock.monotonic_ns(), self._clock.wall_ns()))
        if len(received) < MAX_RECEIVED:
            self.spool.rotate()
        self.thresholds.tick(self._clock.wall_ns())
        self.keys.look(self._clock.monotonic_ns())
        if self._clock.monotonic_ns() >= self._tell_after_ns:
            self._tell()
        return len(received)

    def _wait_s(self) -> float | None:
        """How long to wait for datagrams: until a file is due. The wall clock may step, so never more than a minute."""
        due_ns = self.spool.next_rotation()
        due = [at for at in (due_ns, self.thresholds.next_tick()) if at is not None]
        waits_ns = [60_000_000_000, *(at - self._clock.wall_ns() for at in due)]
        return max(0, min(waits_ns)) / 1e9

    def _publish(self, event: Event) -> None:
        """An event of the collector itself, into the spool."""
        rows = rows_of([event], self._parameters.host or socket.gethostname(), "collector")
        gathering, encoder = Gathering(EVENT), Encoder(EVENT)
        encoder.offer(rows.strings)
        payload = encoder.encode(rows.words, 0, MAX_PDU_OCTETS)
        gathering.add(payload.octets, 0, len(payload.octets), Observations(0, 0, EVENT.number, 1, EVENT.words, payload.strings),
                      csv_field(self._parameters.name) + f",{self._run_ms},".encode())
        self.spool.append(EVENT, gathering.lines())

    def _tell(self) -> None:
        """One line on what changed nothing since the last time."""
        self._tell_after_ns = self._clock.monotonic_ns() + TELL_NS
        counted = self.decoding.statistics
        now = Counter({f"{reason}": n for reason, n in counted.rejected.items()})
        now.update({f"{what}: not understood": n for what, n in counted.refused.items()})
        new = now - self._told
        if new:
            self._told = now
            logger.warning("datagrams that changed nothing: %s", ", ".join(f"{n} {what}" for what, n in new.most_common(20)))

    def _ask_to_stop(self, *_: object) -> None:
        self._stop = True


def tell_ready(port: int, ready_fd: int | None) -> None:
    """Tells whoever started the collector that it listens: the port on ready_fd (then closed), READY=1 to systemd.

    That nobody reads it any more is no error.
    """
    if ready_fd is not None:
        try:
            with suppress(BrokenPipeError):
                os.write(ready_fd, f"{port}\n".encode())
        except OSError as error:
            logger.warning("cannot tell the port on descriptor %d: %s", ready_fd, error.strerror)
        finally:
            os.close(ready_fd)
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.sendto(b"READY=1", address)
        except OSError as error:
            logger.warning("cannot tell systemd that the collector is ready: %s", error.strerror)
