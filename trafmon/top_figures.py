"""From a probe's statistics at two moments to what a person wants to know: rates, shares, silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trafmon.between import Between, Sample

__all__ = ["InterfaceFigures", "ProbeFigures", "RingFigures", "Sample", "figures"]


@dataclass(frozen=True)
class InterfaceFigures:
    """Rates are per second, None without an interval to measure them. silent_s: since the last packet, None while they come."""

    name: str
    device: str
    live: bool
    packets: int
    packets_rate: float | None
    bit_rate: float | None
    drops: int
    drops_rate: float | None
    malformed: int
    merged: int
    silent_s: float | None
    gone: bool


@dataclass(frozen=True)
class RingFigures:
    """Of one father. filled, highest: shares of the slots; waits: how often the father had to; cpu: share of one CPU."""

    father: int
    slots: int
    filled: float
    highest: float
    waits: int
    waits_rate: float | None
    cpu: float | None


@dataclass(frozen=True)
class ProbeFigures:
    """progress: share of the recordings that has been read, None for devices; malformed_by_reason: those that occurred; analyses:
    what the analyses count, by name."""

    probe: str
    host: str
    configuration: str
    pid: int
    up_s: float | None
    ended: bool
    packets: int
    packets_rate: float | None
    bit_rate: float | None
    relevant: float | None
    progress: float | None
    drops: int
    drops_rate: float | None
    malformed: int
    malformed_rate: float | None
    malformed_by_reason: dict[str, int]
    merged: int
    flows: int
    flows_rate: float | None
    flows_evicted: int
    rows: int
    rows_rate: float | None
    rows_given_up: int
    pdus_rate: float | None
    pdus_sent: int
    pdus_waiting: int
    pdus_retried: int
    pdus_retried_rate: float | None
    pdus_acknowledged: int
    links_broken: int
    events: int
    child_cpu: float | None
    rings: tuple[RingFigures, ...]
    interfaces: tuple[InterfaceFigures, ...]
    analyses: dict[str, int]


def figures(identity: Mapping[str, Any], before: Sample, after: Sample, *, ended: bool = False) -> ProbeFigures:
    """identity: as tmon_probe.health gives it. A counter that the probe does not have counts as 0.

    The same sample twice gives the totals, and None for rates.
    """
    between = Between(before, after)
    n, rate = between.now, between.rate
    relevant, seen = between.grown("packets_relevant"), between.grown("packets_seen")
    run_ms = identity["run"]
    reasons = {name.removeprefix("packets_malformed_"): value for name, value in sorted(after.numbers.items())
               if name.startswith("packets_malformed_") and value}
    return ProbeFigures(
        identity["probe"], identity["host"], identity["configuration"], identity["pid"],
        up_s=(after.wall_ns - run_ms * 1_000_000) / 1e9 if run_ms else None, ended=ended,
        packets=n("packets_seen"), packets_rate=rate("packets_seen"), bit_rate=rate("octets_seen", 8),
        relevant=relevant / seen if seen else None,
        progress=n("read_octets") / n("total_octets") if n("total_octets") else None,
        drops=n("kernel_drops"), drops_rate=rate("kernel_drops"),
        malformed=n("packets_malformed"), malformed_rate=rate("packets_malformed"), malformed_by_reason=reasons,
        merged=n("packets_merged"), flows=n("flows"), flows_rate=rate("flows_created"), flows_evicted=n("flows_evicted"),
        rows=n("rows"), rows_rate=rate("rows"), rows_given_up=n("rows_given_up"),
        pdus_rate=rate("pdus_sent"), pdus_sent=n("pdus_sent"), pdus_waiting=n("pdus_waiting"),
        pdus_retried=n("pdus_retried"), pdus_retried_rate=rate("pdus_retried"), pdus_acknowledged=n("pdus_acknowledged"),
        links_broken=n("links_broken"),
        events=n("events_published"), child_cpu=between.cpu("child_cpu_ns"),
        rings=tuple(_ring(between, f) for f in range(max(len(identity["fathers"]), 1))),
        interfaces=tuple(_interface(between, i, declared) for i, declared in enumerate(identity["interfaces"])),
        analyses={name: n(name) for name in identity.get("analyses", ())})


def _interface(between: Between, number: int, declared: Mapping[str, Any]) -> InterfaceFigures:
    def of(name: str) -> str:
        return f"interface_{number}_{name}"

    n, rate = between.now, between.rate
    return InterfaceFigures(
        declared["name"], declared["device"], declared["live"], n(of("packets_seen")), rate(of("packets_seen")),
        rate(of("octets_seen"), 8), n(of("kernel_drops")), rate(of("kernel_drops")), n(of("packets_malformed")),
        n(of("packets_merged")), _silence(between, of("packets_seen"), n(of("last_packet_ns"))), bool(n(of("device_gone"))))


def _silence(between: Between, packets: str, last_packet_ns: int) -> float | None:
    """If no packet came between the samples; of a probe that does not tell more, that time."""
    if not between.seconds or between.grown(packets):
        return None
    return max((between.after.wall_ns - last_packet_ns) / 1e9, between.seconds) if last_packet_ns else between.seconds


def _ring(between: Between, father: int) -> RingFigures:
    def of(name: str) -> str:
        return f"father_{father}_{name}"

    slots = between.now(of("ring_slots"))
    filled, highest = (between.now(of(name)) / slots if slots else 0.0 for name in ("ring_filled", "ring_high_water"))
    return RingFigures(father, slots, filled, highest, between.now(of("ring_full_waits")), between.rate(of("ring_full_waits")),
                       between.cpu(of("cpu_ns")))
