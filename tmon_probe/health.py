"""The probe's statistics: what each number is called, and the shared block they are in."""

from __future__ import annotations

import hashlib

import numpy as np

from tmon_common.config.model import Configuration
from tmon_common.stats import Statistics
from tmon_probe.father import counts

FATHER = (*(f"packets_{n}" if n != "octets" else "octets_seen" for n in counts.NAMES), "kernel_drops", "ring_full_waits",
          "read_octets", "total_octets", "ring_slots", "ring_filled", "ring_high_water")
FULLEST = ("ring_slots", "ring_filled", "ring_high_water")
"""Of several fathers' rings, that of the fullest counts; all other numbers of fathers are added up."""
CHILD = ("flows", "flows_created", "flows_expired", "flows_evicted", "rows", "pdus_sent", "pdus_retried", "pdus_acknowledged",
         "pdus_waiting", "rows_given_up", "packet_time_ns")


def segment_name(configuration: Configuration, probe: str) -> str:
    """Name of the statistics block of a probe; two files may declare probes of one name on one host."""
    key = f"{configuration.path.resolve()}|{probe}"
    return f"trafmon-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def create(configuration: Configuration, probe: str, fathers: int = 1) -> Statistics:
    """The block of this process. FileExistsError if a probe of this name and file runs already.

    With several fathers, each has numbers of its own, father_0_packets_seen and so on, after those of the probe.
    """
    own = tuple(f"father_{n}_{name}" for n in range(fathers) for name in FATHER) if fathers > 1 else ()
    return Statistics.create(segment_name(configuration, probe), FATHER + CHILD + own)


def father_numbers(statistics: Statistics, fathers: int) -> np.ndarray:
    """int64 (fathers, len(FATHER)), in place: what each father writes. A single one writes the probe's numbers themselves."""
    if fathers == 1:
        return statistics.numbers[: len(FATHER)].reshape(1, -1)
    return statistics.numbers[len(FATHER + CHILD) :].reshape(fathers, -1)


def add_up(statistics: Statistics, fathers: int) -> None:
    """Bring the probe's numbers up to date with those of its several fathers."""
    if fathers > 1:
        numbers = father_numbers(statistics, fathers)
        fullest = [FATHER.index(name) for name in FULLEST]
        totals = numbers.sum(axis=0)
        totals[fullest] = numbers[:, fullest].max(axis=0)
        statistics.numbers[: len(FATHER)] = totals


def attach(configuration: Configuration, probe: str) -> Statistics:
    """The block of a running probe, to read. FileNotFoundError if none runs."""
    return Statistics.attach(segment_name(configuration, probe))
