"""What people are told of a device that cannot be captured from: the same words, whatever captures."""

from __future__ import annotations

import sys

from tmon_common.config.model import Interface
from tmon_probe.father.capture.linktypes import SUPPORTED, describe


def where(interface: Interface) -> str:
    return f"interface {interface.name}: device {interface.device}"


def not_permitted(interface: Interface) -> str:
    return (f"{where(interface)} may not be opened: capability CAP_NET_RAW is missing. Run as root, or grant it: "
            f"setcap cap_net_raw+ep {sys.executable} (the file behind the link), or AmbientCapabilities=CAP_NET_RAW in the "
            "systemd unit")


def not_again(interface: Interface) -> str:
    """Of one that is back."""
    return (f"device {interface.device} is there again, but libpcap may not open it: the probe has given up its privileges. "
            'Restart the probe; with capture="afpacket" it goes on by itself')


def no_such_device(interface: Interface) -> str:
    return f"{where(interface)} does not exist; `trafmon interfaces` lists those of this machine"


def not_up(interface: Interface) -> str:
    return f"{where(interface)} is down; bring it up: ip link set {interface.device} up"


def not_opened(interface: Interface, why: str) -> str:
    return f"{where(interface)} cannot be opened: {why}"


def wrong_filter(interface: Interface, why: str) -> str:
    return f"interface {interface.name}: the BPF filter '{interface.bpf}' is not valid: {why}"


def unsupported_link_type(interface: Interface, link_type: int) -> str:
    return (f"{where(interface)} has link type {describe({link_type})}, which is not supported; supported are "
            f"{describe(set(SUPPORTED))}")

