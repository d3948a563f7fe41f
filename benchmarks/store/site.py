"""A made network: which flows there are in which minute. Any minute can be asked for by itself, always with the same answer.

Every minute has the same number of flows, one in each *slot*. A slot has a lifetime: after it, its flow ends and another one
takes its place, with other addresses. So the number of flows in an hour, a day, a month grows as it does in a network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from tmon_common.log_buckets import UPPER_NS

MINUTE_NS = 60_000_000_000
PROBE, CLASS = "probe1", "all"
SERVICES = ((443, 6, 0.45), (80, 6, 0.1), (53, 17, 0.15), (22, 6, 0.05), (21, 6, 0.02), (25, 6, 0.04), (443, 17, 0.12),
            (123, 17, 0.03), (445, 6, 0.04))
"""(port, protocol, part of the flows)."""


def mix(*words: np.ndarray | int) -> np.ndarray:
    """64 bits (uint64) that depend on all the words (integers, or arrays that broadcast).

    splitmix64: Steele, Lea, Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    state = np.zeros(1, np.uint64)
    with np.errstate(over="ignore"):
        for word in words:
            state = (state ^ np.asarray(word).astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ state >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ state >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
            state ^= state >> np.uint64(31)
    return state


def uniform(*words: np.ndarray | int) -> np.ndarray:
    """float64 from 0 up to, but not including, 1."""
    return (mix(*words) >> np.uint64(11)).astype(np.float64) / (1 << 53)


@dataclass(frozen=True)
class Site:
    """flows: in each minute. hosts: at home, servers: outside. lifetimes: (part of the slots, minutes). run: of the probe, ms."""

    flows: int = 10_000
    hosts: int = 2_000
    servers: int = 5_000
    lifetimes: tuple[tuple[float, int], ...] = ((0.05, 10), (0.15, 60), (0.3, 360), (0.5, 100_000))
    days: int = 31
    first: datetime = field(default=datetime(2026, 5, 1, tzinfo=UTC))
    seed: int = 1

    @property
    def first_ns(self) -> int:
        return int(self.first.timestamp()) * 10**9

    @property
    def run(self) -> int:
        return self.first_ns // 10**6 - 1

    @cached_property
    def _slots(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """int64, by slot: lifetime and age at the first minute, minutes; number of its first flow."""
        slot = np.arange(self.flows)
        bounds = np.cumsum([part for part, _ in self.lifetimes])[:-1]
        which = np.searchsorted(bounds, uniform(self.seed, 1, slot), side="right")
        life = np.array([minutes for _, minutes in self.lifetimes])[which]
        age = (uniform(self.seed, 2, slot) * life).astype(np.int64)
        number = (self.days * 1440 + age - 1) // life + 1
        return life, age, np.cumsum(number) - number + 1

    def flows_in(self, minute: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the flows in a minute (int64, one a slot), and whether each begins there (bool)."""
        life, age, base = self._slots
        passed = minute + age
        return base + passed // life, (passed % life == 0) | (minute == 0)

    def ends(self, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of flows: index of the host, of the server (few are busy, most are rare), of the service. int64."""
        service = np.searchsorted(np.cumsum([part for *_, part in SERVICES])[:-1], uniform(self.seed, 3, flow), side="right")
        host = (uniform(self.seed, 4, flow) ** 2 * self.hosts).astype(np.int64)
        return host, (uniform(self.seed, 5, flow) ** 4 * self.servers).astype(np.int64), service

    @cached_property
    def addresses(self) -> tuple[np.ndarray, np.ndarray]:
        """Addresses (str) of hosts and servers; every fourth server has an IPv6 address."""
        hosts = [f"10.{i >> 12 & 255}.{i >> 6 & 63}.{i % 64 + 1}" for i in range(self.hosts)]
        servers = [f"2001:db8:1{i >> 8:03x}::{i % 256 + 1:x}" if i % 4 == 3 else f"198.{18 + (i >> 16)}.{i >> 8 & 255}.{i & 255}"
                   for i in range(self.servers)]
        return np.array(hosts), np.array(servers)

    def delay_ns(self, server: np.ndarray, *words: np.ndarray | int) -> np.ndarray:
        """Of a round trip with a server, int64: each has its distance, one in a hundred round trips is ten times as long."""
        base = 200_000 + uniform(self.seed, 6, server) ** 3 * 100_000_000
        spread = uniform(self.seed, 7, *words)
        return (base * (1 + spread * spread) * np.where(spread > 0.99, 10, 1)).astype(np.int64)


def bucket_of(delay_ns: np.ndarray) -> np.ndarray:
    """Log bucket of each delay, int64."""
    return np.searchsorted(UPPER_NS, delay_ns)
