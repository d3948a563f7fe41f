"""Privileges that the keeper has: what those ask who have none."""

from __future__ import annotations

import errno
import os
import signal
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from tmon_common.config.model import Interface
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.offload import Switched
from tmon_probe.privileges import messages
from tmon_probe.privileges.keeper import DEAF_TO, run_keeper
from tmon_probe.privileges.messages import MAX_MESSAGE_OCTETS, Request, pack, parse_answer, parse_program

if TYPE_CHECKING:
    from tmon_probe.father.capture.bpf_loopback import Program

ANSWER_S = 10.0
"""Another probe may hold the list of offloads for a moment; else an answer takes less than a millisecond."""
END_S = 5.0
LOOK_EVERY_S = 0.005
_DEAD = "the keeper of the probe's privileges is dead; restart the probe"


class Kept:
    """channel: to the keeper; pid: of the keeper, a child of the main process; capabilities: that it has.

    Processes that are forked may use it, too; `look` and `close` are for the main process.
    """

    def __init__(self, channel: socket.socket, pid: int, capabilities: Iterable[int]) -> None:
        self.channel, self.pid, self.capabilities = channel, pid, frozenset(capabilities)
        self.dead = False

    @classmethod
    def start(cls, capabilities: Iterable[int]) -> Kept:
        """Forks a keeper with that. To be called early: it has all that this process has in memory, and open, by then."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, DEAF_TO)  # until the keeper ignores them
        pid = os.fork()
        if pid == 0:
            ours.close()
            run_keeper(theirs, capabilities)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        return cls(ours, pid, capabilities)

    def packet_socket(self) -> socket.socket:
        _, descriptors = self._ask(Request(messages.SOCKET))
        if not descriptors:
            raise OSError(errno.EIO, "the keeper gave no socket")
        return socket.socket(fileno=descriptors[0])

    def switch_on_hardware_timestamps(self, device: str) -> tuple[bool, str]:
        try:
            told, _ = self._ask(Request(messages.HARDWARE_TIMESTAMPS, device))
        except OSError as error:
            return False, error.strerror
        return bool(told.get("stamps")), str(told.get("problem", ""))

    def libpcap_program(self, interface: Interface) -> Program | None:
        told, _ = self._ask(Request(messages.FILTER, interface.device, interface.name, interface.bpf, interface.snaplen))
        if refused := told.get("refused"):
            raise CaptureError(str(refused))
        return parse_program(told["program"])

    def offloads(self) -> KeptOffloads:
        return KeptOffloads(self)

    def look(self) -> bool:
        """Whether it lives."""
        if not self.dead:
            try:
                self.dead = os.waitpid(self.pid, os.WNOHANG)[0] != 0
            except ChildProcessError:
                self.dead = True
        return not self.dead

    def forget(self) -> None:
        """This process asks nothing."""
        self.channel.close()

    def close(self) -> None:
        """Nobody asks any more: the keeper ends."""
        self.channel.close()
        until = time.monotonic() + END_S
        while self.look() and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)
        if not self.dead:  # another process still has the channel, or it hangs
            with suppress(ProcessLookupError):
                os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
            self.dead = True

    def _ask(self, request: Request) -> tuple[dict, list[int]]:
        """(answer, descriptors). OSError: the system's to the keeper, or there is no keeper any more."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with mine:
            with theirs:
                try:
                    socket.send_fds(self.channel, [pack(request)], [theirs.fileno()])
                except OSError:
                    raise OSError(errno.EPIPE, _DEAD) from None
            mine.settimeout(ANSWER_S)
            try:
                octets, descriptors, _, _ = socket.recv_fds(mine, MAX_MESSAGE_OCTETS, 1)
            except TimeoutError:
                raise OSError(errno.ETIMEDOUT, "the keeper of the probe's privileges does not answer; restart the probe") from None
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        if not octets:
            raise OSError(errno.EPIPE, _DEAD)
        told = parse_answer(octets)
        if number := told.get("errno"):
            raise OSError(int(number), str(told.get("why")))
        return told, descriptors


class KeptOffloads:
    """As `offload.Offloads`."""

    def __init__(self, keeper: Kept) -> None:
        self.switched_off: list[Switched] = []
        self.restored: list[Switched] = []
        self.warnings: list[str] = []
        self._keeper = keeper
        self._touched: list[str] = []

    def switch_off(self, device: str) -> None:
        self._touched.append(device)
        self._ask(Request(messages.OFFLOADS_OFF, device))

    def restore(self) -> list[str]:
        """Nothing, if nothing was to be switched off."""
        told = len(self.warnings)
        if self._touched:
            self._ask(Request(messages.RESTORE_OFFLOADS, ", ".join(dict.fromkeys(self._touched))[: messages.MAX_DEVICE_CHARACTERS]))
            self._touched.clear()
        return self.warnings[told:]

    def _ask(self, request: Request) -> None:
        try:
            told, _ = self._keeper._ask(request)
        except OSError as error:
            self.warnings.append(f"device {request.device}: {request.what}: {error.strerror}")
            return
        self.warnings += told.get("warnings", [])
        self.switched_off += [Switched(device, tuple(features)) for device, features in told.get("switched_off", [])]
        self.restored += [Switched(device, tuple(features)) for device, features in told.get("restored", [])]
