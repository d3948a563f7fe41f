"""The probe's statistics: what each number is called, and the shared block they are in."""

from __future__ import annotations

import hashlib

from tmon_common.config.model import Configuration
from tmon_common.stats import Statistics
from tmon_probe.father import counts

FATHER = (*(f"packets_{n}" if n != "octets" else "octets_seen" for n in counts.NAMES), "kernel_drops", "ring_full_waits",
          "read_octets", "total_octets", "ring_slots", "ring_filled", "ring_high_water")
CHILD = ("flows", "flows_created", "flows_expired", "flows_evicted", "rows", "pdus_sent", "pdus_retried", "pdus_acknowledged",
         "pdus_waiting", "rows_given_up", "packet_time_ns")


def segment_name(configuration: Configuration, probe: str) -> str:
    """Name of the statistics block of a probe; two files may declare probes of one name on one host."""
    key = f"{configuration.path.resolve()}|{probe}"
    return f"trafmon-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def create(configuration: Configuration, probe: str) -> Statistics:
    """The block of this process. FileExistsError if a probe of this name and file runs already."""
    return Statistics.create(segment_name(configuration, probe), FATHER + CHILD)


def attach(configuration: Configuration, probe: str) -> Statistics:
    """The block of a running probe, to read. FileNotFoundError if none runs."""
    return Statistics.attach(segment_name(configuration, probe))
