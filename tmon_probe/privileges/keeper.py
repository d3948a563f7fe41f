"""The keeper: a process that has the privileges of a probe, reads nothing from the network, and knows a handful of requests.

Each request brings the socket for its answer along; so any number of processes can ask by one channel. When all of them are gone
the channel ends: the keeper puts back what was switched, however the probe died, and ends.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable
from typing import NoReturn

from tmon_common.config.model import Interface
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.offload import short
from tmon_probe.privileges import capabilities, messages
from tmon_probe.privileges.messages import MAX_MESSAGE_OCTETS, Request, pack, pack_program, parse_request
from tmon_probe.privileges.own import OWN, Privileges

log = logging.getLogger(__name__)

NAME = "tmon_keeper"
DEAF_TO = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""They are meant for the probe; the keeper ends when nobody needs it any more."""


def run_keeper(channel: socket.socket, kept: Iterable[int]) -> NoReturn:
    """To be called in the forked process. kept: capabilities."""
    status = 1
    try:
        for number in DEAF_TO:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        capabilities.name_process(NAME)
        capabilities.keep(kept)
        Keeper(OWN).serve(channel)
        status = 0
    except Exception:
        log.exception("the keeper of the privileges failed")
    finally:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)


class Keeper:
    """privileges: what it does for others."""

    def __init__(self, privileges: Privileges) -> None:
        self._privileges, self._offloads = privileges, privileges.offloads()

    def serve(self, channel: socket.socket) -> None:
        """Until nobody holds the other end."""
        while True:
            octets, descriptors, _, _ = socket.recv_fds(channel, MAX_MESSAGE_OCTETS, 1)
            if not octets and not descriptors:
                break
            for descriptor in descriptors:
                self._reply(parse_request(octets), descriptor)
        for sentence in self._offloads.restore():
            log.warning("%s", sentence)
        for device, features in self._offloads.restored:
            log.info("device %s: offloads switched on again: %s", device, short(features))

    def _reply(self, request: Request | None, descriptor: int) -> None:
        """Who asks may pass anything, or be dead by now."""
        try:
            to = socket.socket(fileno=descriptor)
        except OSError:
            os.close(descriptor)
            return
        with to:
            given, answer = None, {}
            try:
                to.setblocking(False)
                given, answer = self._answer(request)
                socket.send_fds(to, [pack(answer)], [given.fileno()] if given else [])
            except OSError as error:
                log.debug("nobody waits for the answer: %s", error)
            finally:
                if given:
                    given.close()

    def _answer(self, request: Request | None) -> tuple[socket.socket | None, dict]:
        """A descriptor to give, and what to tell."""
        if request is None:
            return None, {}
        try:
            if request.what == messages.SOCKET:
                return self._privileges.packet_socket(), {}
            if request.what == messages.FILTER:
                interface = Interface(request.name, device=request.device, bpf=request.bpf, snaplen=request.snaplen)
                return None, {"program": pack_program(self._privileges.libpcap_program(interface))}
            if request.what == messages.HARDWARE_TIMESTAMPS:
                stamps, problem = self._privileges.switch_on_hardware_timestamps(request.device)
                return None, {"stamps": stamps, "problem": problem}
            if request.what == messages.OFFLOADS_OFF:
                self._offloads.switch_off(request.device)
            else:
                self._offloads.restore()
        except CaptureError as error:
            return None, {"refused": str(error)}
        except OSError as error:
            return None, {"errno": error.errno or 0, "why": error.strerror or str(error)}
        return None, self._told()

    def _told(self) -> dict:
        """What has happened to offloads since the last time."""
        told = {name: list(getattr(self._offloads, name)) for name in ("switched_off", "restored", "warnings")}
        for name in told:
            getattr(self._offloads, name).clear()
        return told
