"""Rows of single packets: each packet and its way, and exceptions."""

from __future__ import annotations

from tmon_collector.one_way.packets import Packets
from tmon_collector.one_way.sources import Published, Sources
from tmon_common.config.model import OneWay


def packet_rows(packets: Packets, one_way: OneWay, sources: Sources) -> list[Published]:
    """Kind one_way_packet."""


def exception_rows(packets: Packets, one_way: OneWay, sources: Sources) -> list[Published]:
    """Kinds one_way_lost, one_way_dropped, one_way_missed."""
