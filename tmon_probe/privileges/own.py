"""What takes privileges, done in the process that asks for it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Protocol

from tmon_common.config.model import Interface
from tmon_probe.father.capture.afpacket import libpcap_filter, timestamps
from tmon_probe.father.capture.offload import Offloads, Switched

if TYPE_CHECKING:
    from tmon_probe.father.capture.bpf_loopback import Program


class OffloadSwitch(Protocol):
    """As `offload.Offloads`, which says what is what."""

    switched_off: list[Switched]
    restored: list[Switched]
    warnings: list[str]

    def switch_off(self, device: str) -> None: ...

    def restore(self) -> list[str]: ...


class Privileges(Protocol):
    """What takes some."""

    def packet_socket(self) -> socket.socket:
        """Not bound: nothing comes in. PermissionError without CAP_NET_RAW; OSError."""

    def switch_on_hardware_timestamps(self, device: str) -> tuple[bool, str]:
        """See `timestamps.switch_on_hardware_timestamps`."""

    def libpcap_program(self, interface: Interface) -> Program | None:
        """See `libpcap_filter.libpcap_program`."""

    def offloads(self) -> OffloadSwitch:
        """To be used by one process."""


class Own:
    """Those of this process."""

    def packet_socket(self) -> socket.socket:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)

    def switch_on_hardware_timestamps(self, device: str) -> tuple[bool, str]:
        return timestamps.switch_on_hardware_timestamps(device)

    def libpcap_program(self, interface: Interface) -> Program | None:
        return libpcap_filter.libpcap_program(interface)

    def offloads(self) -> OffloadSwitch:
        return Offloads()


OWN = Own()
