"""List the network interfaces of this machine that a probe could capture from.

For each: its state, addresses, whether this user may open it, and how a probe captures when its configuration does not say.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

NOT_PERMITTED = (-8, -11)
"""PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED."""
NOT_UP = -9
"""PCAP_ERROR_IFACE_NOT_UP."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(_options: argparse.Namespace) -> int:
    import pcapy
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tmon_probe.father.capture.open import best_capture

    try:
        names = [n for n in pcapy.findalldevs() if Path("/sys/class/net", n).exists() or n == "any"]
    except pcapy.PcapError as error:
        print(f"trafmon interfaces: the devices cannot be listed: {error}; it takes CAP_NET_RAW, or root", file=sys.stderr)
        return 1
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("device", "state", "mtu", "mac address", "may open", "capture"):
        table.add_column(head)
    for name in names:
        told = (_read(name, attribute) for attribute in ("operstate", "mtu", "address"))
        row = (name, *told, _may_open(name), best_capture(name))
        table.add_row(*map(Text, row))  # as it is: in 76:cd:0b rich would see a :cd:
    console = Console()
    if not console.is_terminal:
        console.width = 100
    console.print(table)
    return 0


def _read(device: str, attribute: str) -> str:
    try:
        return Path("/sys/class/net", device, attribute).read_text().strip()
    except OSError:
        return "-"


def _may_open(device: str) -> str:
    import pcapy

    try:
        handle = pcapy.create(device)
        handle.set_timeout(1)
        status = handle.activate()
    except pcapy.PcapError as error:
        return str(error)
    if status == NOT_UP:
        return "no, it is down"
    if status < 0:
        return "needs CAP_NET_RAW, or root" if status in NOT_PERMITTED else f"no (libpcap's error {status})"
    handle.close()
    return "yes"
