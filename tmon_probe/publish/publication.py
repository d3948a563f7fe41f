"""All collectors of a probe: what the child process calls."""

from __future__ import annotations

from collections.abc import Sequence

from tmon_common.clock import Clock
from tmon_common.config.model import Publication as Parameters
from tmon_common.observations import Rows
from tmon_common.pdu import codec
from tmon_common.pdu.keys import Keys
from tmon_common.pdu.one_way import warm_up as warm_up_one_way
from tmon_common.pdu.session import ProbeSession
from tmon_probe.publish.publisher import Publisher
from tmon_probe.publish.sender import Sender

BLOCKED_WAIT_NS = 1_000_000  # until a socket without room is tried again


class Publication:
    """Publishers and sockets of a run (header.new_run) of the probe called `probe`, one each per collector.

    keys: of the probe, None to go without. lossless: see Publisher. one_way: whether there will be one-way observations. Every
    `now_ns` is of the monotonic clock of `clock`. Nothing here blocks, but for a host name to be resolved.
    """

    def __init__(self, parameters: Sequence[Parameters], probe: str, run: int, keys: Keys | None, clock: Clock, *,
                 lossless: bool = False, one_way: bool = False) -> None:
        self._clock = clock
        codec.warm_up()
        if one_way:
            warm_up_one_way()
        self._sessions = [ProbeSession(probe, run, p.collector, keys) for p in parameters]
        self._members = [(Publisher(p, session, lossless=lossless), Sender(p.address, p.port))
                         for p, session in zip(parameters, self._sessions, strict=True)]

    @property
    def publishers(self) -> list[Publisher]:
        """One per collector, in the order of the configuration; each has `statistics` and `parameters`."""
        return [publisher for publisher, _ in self._members]

    def add(self, rows: Rows, now_ns: int) -> None:
        """Gives rows (copied) to every collector's queue."""
        for publisher, _ in self._members:
            publisher.add(rows, now_ns)

    def set_keys(self, keys: Keys) -> None:
        """The key file has changed."""
        for session in self._sessions:
            session.set_keys(keys)

    def poll(self) -> None:
        """Takes answers and sends what is due, as much as the sockets take."""
        clock = self._clock
        for publisher, sender in self._members:
            for datagram in sender.received():
                publisher.receive(datagram, clock.monotonic_ns(), clock.wall_ns())
            if publisher.broken:
                sender.renew(clock.monotonic_ns())
            if sender.blocked:
                publisher.advance(clock.monotonic_ns())
                sender.send([], clock.monotonic_ns())
                publisher.left(clock.monotonic_ns())
            while not sender.blocked:
                datagrams = publisher.datagrams_to_send(clock.monotonic_ns(), clock.wall_ns())
                if not datagrams:
                    break
                sender.send(datagrams, clock.monotonic_ns())
                publisher.left(clock.monotonic_ns())

    def accepts(self) -> bool:
        """Whether every queue takes more rows (back-pressure)."""
        return all(publisher.accepts() for publisher, _ in self._members)

    def flush(self, now_ns: int) -> None:
        """Closes every PDU under construction; `poll` sends them."""
        for publisher, _ in self._members:
            publisher.flush(now_ns)

    def filenos(self) -> list[int]:
        """Sockets to wait for, readable: an answer came."""
        return [number for _, sender in self._members if (number := sender.fileno()) is not None]

    def next_timer(self, now_ns: int) -> int | None:
        """When `poll` has to be called next if no socket becomes readable; the past means at once, None never."""
        times = []
        for publisher, sender in self._members:
            if sender.blocked:
                times.append(now_ns + BLOCKED_WAIT_NS)
            elif (when := publisher.next_timer()) is not None:
                times.append(when)
        return min(times, default=None)

    @property
    def idle(self) -> bool:
        """Every collector has all there is (or refuses it)."""
        return all(publisher.idle for publisher, _ in self._members)

    def close(self) -> None:
        """Closes the sockets; what is not acknowledged is lost."""
        for _, sender in self._members:
            sender.close()
