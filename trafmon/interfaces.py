"""List the network interfaces of this machine that a probe could capture from.

For each: its state, addresses, and whether this user may open it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

NOT_PERMITTED = (-8, -11)
"""PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(_options: argparse.Namespace) -> int:
    import pcapy
    from rich.console import Console
    from rich.table import Table

    try:
        names = [n for n in pcapy.findalldevs() if Path("/sys/class/net", n).exists() or n == "any"]
    except pcapy.PcapError as error:
        print(f"trafmon interfaces: the devices cannot be listed: {error}; it takes CAP_NET_RAW, or root", file=sys.stderr)
        return 1
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("device", "state", "mtu", "mac address", "capture"):
        table.add_column(head)
    for name in names:
        table.add_row(name, _read(name, "operstate"), _read(name, "mtu"), _read(name, "address"), _may_open(name))
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
    if status < 0:
        return "needs CAP_NET_RAW, or root" if status in NOT_PERMITTED else f"no (libpcap's error {status})"
    handle.close()
    return "yes"
