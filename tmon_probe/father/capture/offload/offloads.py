"""Offloads of the devices that ask for it: off while the probe runs. What happened is kept for events and messages."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tmon_common.config.model import Interface
from tmon_probe.father.capture.offload.ethtool import Ethtool, Features
from tmon_probe.father.capture.offload.features import HARMFUL, MERGES, SWITCHED, among, short
from tmon_probe.father.capture.offload.merging import devices_below
from tmon_probe.father.capture.offload.originals import Held, Originals

ALL_DEVICES = "any"  # libpcap's name for them
_GRANT = (f"Run as root, or grant it: setcap cap_net_raw,cap_net_admin+ep {sys.executable} (the file behind the link), or "
          "AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN in the systemd unit")


class Switched(NamedTuple):
    """Features of a device that have gone off or on."""

    device: str
    features: tuple[str, ...]


def switch_off(interfaces: Iterable[Interface], directory: Path | None = None,
               offloads: Offloads | None = None) -> Offloads:
    """Switch the offloads of those interfaces off that ask for it (offloads="off"), each device once. What fails is in `warnings`.

    directory   see Offloads
    offloads    who does it; by default this process
    """
    offloads = offloads or Offloads(directory)
    for device in dict.fromkeys(i.device for i in interfaces if i.offloads == "off" and i.device):
        offloads.switch_off(device)
    return offloads


class Offloads:
    """What this process has switched off. After a fork only one of the processes may restore it.

    directory   where to remember what was on; by default /run/trafmon/offloads or the next best
    switched_off, restored   what has happened so far
    warnings    what could not be done, each in a sentence with device, reason and cure; whoever tells them may clear them
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.switched_off: list[Switched] = []
        self.restored: list[Switched] = []
        self.warnings: list[str] = []
        self._wish = directory
        self._originals: Originals | None = None
        self._ethtool: Ethtool | None = None  # of the network namespace of the first device
        self._held: dict[int, tuple[str, Held]] = {}

    def switch_off(self, device: str) -> None:
        """Again for the same device, as when it comes back: what is on now goes off, and is restored with the rest."""
        if device == ALL_DEVICES:
            self._warn(device, "it stands for all devices; offloads are switched off on devices named one by one only")
            return
        try:
            self._ethtool = self._ethtool or Ethtool()
            index, before = self._ethtool.index(device), self._ethtool.features(device)
        except OSError as error:
            self._warn(device, f"its offloads cannot be read: {_reason(error)}")
            return
        try:
            self._ethtool.switch(device, (), on=False)  # may we?
        except OSError as error:
            self._warn_of(device, before, _reason(error))
            return
        try:
            self._hold(index, device)
        except OSError as error:
            self._warn(device, "offloads are left as they are, because what was on cannot be remembered: "
                               f"{error.strerror or error}. Give the probe a directory: RuntimeDirectory=trafmon and "
                               "RuntimeDirectoryPreserve=yes in the systemd unit")
            return
        self._switch(device)

    def restore(self) -> list[str]:
        """What was on before is on again, unless another probe still needs it off; done once. Gives what went wrong."""
        told = len(self.warnings)
        while self._held:
            index, (device, held) = self._held.popitem()
            try:
                self._originals.leave(held, partial(self._put_back, index, device, held.path))
            except OSError as error:
                self._warn_off(device, held.on, held.path, error)
        for opened in (self._originals, self._ethtool):
            if opened is not None:
                opened.close()
        self._originals = self._ethtool = None
        return self.warnings[told:]

    def _hold(self, index: int, device: str) -> None:
        def on_now() -> frozenset[str]:
            features = self._ethtool.features(device)
            return features.changeable & (features.active | features.wanted) & set(SWITCHED)

        self._originals = self._originals or Originals(self._wish)
        if index in self._held:
            self._originals.renew(self._held[index][1], device, on_now)
        else:
            self._held[index] = device, self._originals.hold(index, device, on_now)

    def _switch(self, device: str) -> None:
        reason = "the driver keeps that on"
        try:
            before = after = self._ethtool.features(device)
            try:
                self._ethtool.switch(device, among(SWITCHED, before.changeable), on=False)
            except OSError as error:
                reason = _reason(error)
            after = self._ethtool.features(device)
        except OSError as error:  # gone just now
            self._warn(device, f"its offloads cannot be read: {_reason(error)}")
            return
        if gone := among(SWITCHED, before.active - after.active):
            self.switched_off.append(Switched(device, gone))
        self._warn_of(device, after, reason)
        if below := devices_below(device):
            self._warn(device, f"it is made of {_list(below)}, whose offloads are as they were: what those merge is seen merged. "
                               "Capture from them, or: ethtool -K DEVICE gro off lro off tso off")

    def _put_back(self, index: int, device: str, path: Path, on: frozenset[str]) -> bool:
        """Whether that is settled, one way or the other."""
        try:
            name = self._ethtool.name(index)
            before = self._ethtool.features(name)
        except OSError:
            self._warn(device, "it is gone, and its offloads with it")
            return True
        if name != device:
            self._warn(device, f"it is called {name} now; its offloads are switched on again there")
        on &= set(SWITCHED)  # whatever the file says
        try:
            self._ethtool.switch(name, sorted(on), on=True)
            after = self._ethtool.features(name)
        except OSError as error:
            self._warn_off(name, on, path, error)
            return False
        if back := among(SWITCHED, after.active - before.active):
            self.restored.append(Switched(name, back))
        if missing := among(SWITCHED, on - after.wanted):
            self._warn(name, f"{_list(missing)} not switched on again: the driver refuses")
        return True

    def _warn(self, device: str, sentence: str) -> None:
        self.warnings.append(f"device {device}: {sentence}")

    def _warn_off(self, device: str, on: frozenset[str], path: Path, error: OSError) -> None:
        """Of what stays off and was to go on again."""
        if not on:
            return
        switches = " ".join(f"{feature} on" for feature in sorted(on))
        self._warn(device, f"its offloads stay off: {_reason(error)}. Switch them on by: ethtool -K {device} {switches} "
                           f"(the next probe does it when it stops, by {path})")

    def _warn_of(self, device: str, features: Features, reason: str) -> None:
        """Of what is on and was to go off."""
        if not (harmful := among(HARMFUL, features.active)):
            return
        so = ["packets longer than its MTU may be several that were merged"] if among(MERGES, features.active) else []
        so += ["packets with a wrong checksum may be missing"] if "rx-checksum" in harmful else []
        self._warn(device, f"{short(harmful)} cannot be switched off, so {' and '.join(so)}: {reason}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _reason(error: OSError) -> str:
    if error.errno == errno.EPERM:
        return f"capability CAP_NET_ADMIN is missing. {_GRANT}"
    if error.errno == errno.ENODEV:
        return "it does not exist; `trafmon interfaces` lists those of this machine"
    if error.errno == errno.EOPNOTSUPP:
        return "its driver does not offer that (ethtool)"
    return error.strerror or str(error)
