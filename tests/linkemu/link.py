"""The emulated link at work: two raw sockets, the engine between them, both taps and the frame log. One thread."""

import json
import selectors
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

from tests.linkemu.config import LinkConfig
from tests.linkemu.engine import Delivery, LinkEngine
from tests.linkemu.framelog import FrameLog, FrameRecord
from tests.linkemu.impairment import Direction, Fate, Impairment
from tests.linkemu.rawsocket import RawSocket
from tests.linkemu.tap import Tap

MAX_BURST = 64
"""Frames taken from one end before the other end gets its turn."""
READINGS = 16
"""Of the two clocks, at the start: the time between the two of a reading is what the offset is wrong by."""
_NS_PER_S = 1_000_000_000


class UtcClock:
    """UTC in ns that never steps back: CLOCK_REALTIME at the start, CLOCK_MONOTONIC from there."""

    def __init__(self) -> None:
        # Whoever is interrupted between the two readings gets less; of several, the most is right.
        self._offset_ns = max(time.time_ns() - time.monotonic_ns() for _ in range(READINGS))

    def __call__(self) -> int:
        return time.monotonic_ns() + self._offset_ns


class Link:
    """Carries frames between two interfaces of the current namespace, from `with` until `stop`.

    A frame's arrival time is when the loop takes it from the kernel, its delivery time when the loop hands it back,
    both by one clock. So what the taps show is exactly what the log says, and both taps agree.
    """

    def __init__(self, config: LinkConfig, clock: Callable[[], int] | None = None) -> None:
        self._config = config
        self._clock = clock or UtcClock()
        self._engine = LinkEngine(config.west_to_east, config.east_to_west, seed=config.seed, vlan_rules=config.vlan_rules)
        self._entry_numbers: dict[tuple[Direction, int], int] = {}
        self._stopping = False
        self._drain_requests = 0
        self._edge_counts = {"send_failed": 0, "partial_checksums": 0, "truncated": 0, "kernel_drops": 0}

    def __enter__(self) -> Self:
        config = self._config
        self._near_socket = {
            Direction.WEST_TO_EAST: RawSocket(config.west),
            Direction.EAST_TO_WEST: RawSocket(config.east),
        }
        config.directory.mkdir(parents=True, exist_ok=True)
        self._log = FrameLog(config.directory / "frames.csv.gz")
        west, east = Tap(config.directory / "west.pcap"), Tap(config.directory / "east.pcap")
        self._near_tap = {Direction.WEST_TO_EAST: west, Direction.EAST_TO_WEST: east}
        self._selector = selectors.SelectSelector()  # its time-outs keep microseconds, unlike epoll's
        for direction, end in self._near_socket.items():
            self._selector.register(end, selectors.EVENT_READ, lambda direction=direction: self._receive(direction))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for delivery in self._engine.abandon():
            self._record(delivery, Fate.IN_FLIGHT, None, None)
        self._selector.close()
        for end in self._near_socket.values():
            self._edge_counts["kernel_drops"] += end.kernel_drops()
            end.close()
        for tap in self._near_tap.values():
            tap.close()
        self._log.close()

    def stop(self) -> None:
        """Makes `run` return; safe in a signal handler."""
        self._stopping = True

    def totals(self) -> dict[str, object]:
        """Counters of both directions and of the sockets, and how many copies are on their way."""
        for end in self._near_socket.values():
            if end.fileno() >= 0:
                self._edge_counts["kernel_drops"] += end.kernel_drops()
        return {
            **{str(direction): self._engine.counts(direction).as_dict() for direction in Direction},
            **self._edge_counts,
            "in_flight": self._engine.in_flight,
        }

    def run(self, commands: IO[str] | None = None, replies: IO[str] | None = None) -> None:
        """Carries frames until `stop`, or until the end of `commands` (see `process`) when there are any."""
        if commands is not None:
            self._selector.register(commands, selectors.EVENT_READ, lambda: self._obey(commands, replies))
        while not self._stopping:
            self._deliver_due()
            while self._drain_requests and not self._engine.in_flight:
                self._drain_requests -= 1
                self._reply(replies, self.totals())
            for key, _ in self._selector.select(self._time_out()):
                key.data()

    def _time_out(self) -> float:
        timer_ns = self._engine.next_timer()
        # A signal that comes just before select() is noticed after a second at most.
        return 1.0 if timer_ns is None else min(1.0, max(0, timer_ns - self._clock()) / _NS_PER_S)

    def _receive(self, direction: Direction) -> None:
        for _ in range(MAX_BURST):
            received = self._near_socket[direction].receive()
            if received is None:
                return
            self._edge_counts["partial_checksums"] += received.partial_checksum
            self._edge_counts["truncated"] += received.truncated
            now_ns = self._clock()
            arrival = self._engine.receive(received.octets, direction, now_ns)
            number = self._near_tap[direction].write(arrival.carried, now_ns)
            if arrival.deliveries:
                self._entry_numbers[direction, arrival.seq] = number
            else:
                self._log.write(FrameRecord.of_arrival(arrival, number))
            self._deliver_due()

    def _deliver_due(self) -> None:
        for delivery in self._engine.due(self._clock()):
            far_end = delivery.direction.reverse
            now_ns = self._clock()
            if self._near_socket[far_end].send(delivery.frame):
                number = self._near_tap[far_end].write(delivery.carried, now_ns)
                self._record(delivery, Fate.FORWARDED, now_ns, number)
            else:
                self._edge_counts["send_failed"] += 1
                self._record(delivery, Fate.SEND_FAILED, None, None)

    def _record(self, delivery: Delivery, fate: Fate, delivered_ns: int | None, exit_number: int | None) -> None:
        key = (delivery.direction, delivery.seq)
        entry_number = self._entry_numbers.pop(key) if delivery.copy == 0 else None
        self._log.write(FrameRecord.of_delivery(delivery, fate, delivered_ns, entry_number, exit_number))

    def _obey(self, commands: IO[str], replies: IO[str] | None) -> None:
        line = commands.readline()
        if not line:
            self.stop()
            return
        command = json.loads(line)
        match command["do"]:
            case "impair":
                phase = self._engine.impair(Impairment(**command["west_to_east"]), Impairment(**command["east_to_west"]))
                self._reply(replies, {"phase": phase, "at_ns": self._clock()})
            case "drain":
                self._drain_requests += 1
            case "totals":
                self._reply(replies, self.totals())
            case unknown:
                self._reply(replies, {"error": f"unknown command {unknown!r}"})

    @staticmethod
    def _reply(replies: IO[str] | None, answer: dict[str, object]) -> None:
        if replies is not None:
            print(json.dumps(answer), file=replies, flush=True)
