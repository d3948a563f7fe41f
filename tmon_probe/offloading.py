"""Offloads of the devices that a probe captures from: switched as the configuration says, for as long as the probe runs."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from tmon_common.config.model import Interface, Probe
from tmon_common.events import Event, event
from tmon_probe.father.capture.offload import short, switch_off, told_on
from tmon_probe.privileges import Privileges

log = logging.getLogger(__name__)


class Offloading:
    """As a context: off at its beginning, as they were at its end. What goes wrong is told, and keeps nobody from capturing."""

    def __init__(self, probe: Probe, privileges: Privileges) -> None:
        self._privileges = privileges
        self._interfaces = [i for i in probe.interfaces if not i.files]

    def __enter__(self) -> Self:
        self._offloads = switch_off(self._interfaces, offloads=self._privileges.offloads())
        self._tell()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.restore()

    def device_back(self, device: str) -> None:
        """One that was made anew has the offloads that new devices have."""
        if any(i.device == device and i.offloads == "off" for i in self._interfaces):
            self._offloads.switch_off(device)
            self._tell()

    def _tell(self) -> None:
        """Once what has been switched off, and what could not be."""
        for device, features in self._offloads.switched_off:
            log.info("device %s: offloads switched off: %s", device, short(features))
        for sentence in self._offloads.warnings:
            log.warning("%s", sentence)  # not an event: it has no room for the cure
        self._offloads.switched_off.clear()
        self._offloads.warnings.clear()

    def restore(self) -> None:
        """What the keeper of the privileges would do at last."""
        for sentence in self._offloads.restore():
            log.warning("%s", sentence)
        for device, features in self._offloads.restored:
            log.info("device %s: offloads switched on again: %s", device, short(features))

    def events(self, time_ns: int) -> list[Event]:
        """What is on, or was not to be switched off: packets may be seen merged."""
        return [event("offloads_on", time_ns, i.name, features=short(features), why=_why(i))
                for i in self._interfaces if (features := told_on(i.device))]


def _why(interface: Interface) -> str:
    if interface.offloads == "keep":
        return "offloads=\"off\" would switch them off while the probe runs"
    return "they could not be switched off"
