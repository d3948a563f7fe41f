"""The sending side made of a real tmon_probe on a device, and of traffic for it to see."""

from __future__ import annotations

import itertools
import socket
import threading
from time import monotonic
from typing import Any

from tests.chaos.stage import LAN_ADDRESS, STOP_LIMIT_S, WATCHED_ADDRESS, Stage, end
from tests.linkemu.netns import inside
from tests.pipeline.probe_process import Probe, until
from tmon_common.config.read import read

DATAGRAMS_PER_S = 400
FLOWS = 50
FIRST_PORT = 20_000


class Traffic:
    """Numbered datagrams from the lan to the watched device, in FLOWS flows; `sent` of them so far. They stop at the end."""

    def __init__(self, stage: Stage) -> None:
        with inside(stage.lan.name):
            self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(FLOWS)]
        for n, sender in enumerate(self._sockets):
            sender.bind((LAN_ADDRESS, FIRST_PORT + n))
        self.sent = 0
        self._on, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._idle = threading.Lock()

    def go(self) -> None:
        self._on.set()

    def pause(self) -> None:
        """Nothing is sent any more when it returns."""
        self._on.clear()
        with self._idle:
            pass

    def close(self) -> None:
        self._end.set()
        self._on.set()
        self._thread.join(5)
        for sender in self._sockets:
            sender.close()

    def _run(self) -> None:
        for sender in itertools.cycle(self._sockets):
            self._on.wait()
            if self._end.wait(1 / DATAGRAMS_PER_S):
                return
            with self._idle:
                if self._on.is_set():
                    sender.sendto(self.sent.to_bytes(8), (WATCHED_ADDRESS, 9))
                    self.sent += 1


class LiveProbe:
    """As `driving.Drivers`."""

    def __init__(self, stage: Stage, seconds: float) -> None:
        self._stage, self._seconds = stage, seconds
        self._configuration = read(stage.directory / "tmon.xml")
        self._traffic = Traffic(stage)
        self._probes: list[Probe] = []
        self._ended: list[dict[str, int]] = []
        self._end = 0.0

    def begin(self) -> None:
        """Returns once the probe captures and there is traffic."""
        self._start()
        self._end = monotonic() + self._seconds
        self._traffic.go()

    @property
    def settled(self) -> bool:
        """There is no traffic any more, all of it is measured, and the probe waits for no acknowledgement."""
        if monotonic() < self._end:
            return False
        self._traffic.pause()
        numbers = self._probes[-1].numbers()
        seen = self._seen() + numbers["packets_seen"]
        return seen >= self._traffic.sent and numbers["pdus_waiting"] == 0

    def restart(self, *_: object) -> None:
        """In order: the traffic pauses until the next one captures."""
        self._traffic.pause()
        self._stop_probe()
        self._start()
        if monotonic() < self._end:
            self._traffic.go()

    def stop(self) -> bool:
        self._traffic.pause()
        return self._stop_probe()

    def close(self) -> None:
        self._traffic.close()
        for probe in self._probes:
            end(probe)

    @property
    def messages(self) -> str:
        return "".join(probe.messages for probe in self._probes)

    @property
    def numbers(self) -> list[dict[str, Any]]:
        """The statistics blocks that the probes left."""
        return self._ended

    @property
    def datagrams(self) -> int:
        """Sent past the probe."""
        return self._traffic.sent

    def _start(self) -> None:
        # Each is a new session and has a file of its own for its messages.
        probe = Probe(self._stage.directory, self._configuration, name=f"tmon_probe{len(self._probes)}",
                      command=self._stage.command(self._stage.probe_side, "probe"))
        self._probes.append(probe)
        probe.until_capturing()

    def _stop_probe(self) -> bool:
        probe = self._probes[-1]
        until(lambda: self._seen() + probe.numbers()["packets_seen"] >= self._traffic.sent, "the probe has seen all there is")
        probe.process.terminate()
        status = probe.wait(STOP_LIMIT_S)
        self._ended.append(dict(probe.numbers()))
        return status == 0

    def _seen(self) -> int:
        return sum(numbers["packets_seen"] for numbers in self._ended)


