"""From a collector's statistics at two moments to what a person wants to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tmon_collector.health_names import PROBE_STATES
from trafmon.top_samples import Between, Sample

UNUSED = ("late", "refused", "ahead", "undefined", "unexpected", "outdated")
"""Of observations of a one-way class."""


@dataclass(frozen=True)
class HeardFigures:
    """A probe. silent_s: since it was last heard, None if it never was; clock_offset_s: how far the collector's is ahead, None
    if that is not known."""

    probe: str
    state: str
    silent_s: float | None
    pdus: int
    pdus_rate: float | None
    rows: int
    rows_rate: float | None
    rejected: int
    clock_offset_s: float | None
    clock_uncertainty_s: float | None


@dataclass(frozen=True)
class OneWayFigures:
    """A one-way class. unused: observations that came and could not be used."""

    flow_class: str
    packets: int
    packets_rate: float | None
    waiting: int
    rounds_forced: int
    unused: int
    unused_rate: float | None
    clashes: int


@dataclass(frozen=True)
class CollectorFigures:
    """Rates are per second, None without an interval to measure them. rejected_by_reason, rows_by_kind: those that occurred."""

    collector: str
    host: str
    configuration: str
    pid: int
    up_s: float | None
    ended: bool
    datagrams: int
    datagrams_rate: float | None
    bit_rate: float | None
    receive_drops: int
    receive_drops_rate: float | None
    rejected: int
    rejected_rate: float | None
    rejected_by_reason: dict[str, int]
    refused: int
    pdus: int
    pdus_rate: float | None
    duplicates: int
    rows: int
    rows_rate: float | None
    rows_by_kind: dict[str, int]
    unwritten: int
    files_completed: int
    files_open: int
    write_failures: int
    in_trouble: bool
    journal_octets: int
    own_rows_lost: int
    keys_missing: int
    thresholds_crossed: int
    events: int
    cpu: float | None
    probes: tuple[HeardFigures, ...]
    one_way: tuple[OneWayFigures, ...]


def figures(identity: Mapping[str, Any], before: Sample, after: Sample, *, ended: bool = False) -> CollectorFigures:
    """identity: as tmon_collector.health gives it. The same sample twice gives the totals, and None for rates."""
    between = Between(before, after)
    n, rate = between.now, between.rate
    run_ms = identity["run"]
    reasons = {reason: n(f"rejected_{reason}_datagrams") for reason in identity["reasons"]}
    kinds = {kind: n(f"kind_{k}_rows") for k, kind in enumerate(identity["kinds"])}
    return CollectorFigures(
        identity["collector"], identity["host"], identity["configuration"], identity["pid"],
        up_s=(after.wall_ns - run_ms * 1_000_000) / 1e9 if run_ms else None, ended=ended,
        datagrams=n("datagrams"), datagrams_rate=rate("datagrams"), bit_rate=rate("octets", 8),
        receive_drops=n("receive_drops"), receive_drops_rate=rate("receive_drops"),
        rejected=n("rejected"), rejected_rate=rate("rejected"), rejected_by_reason={r: v for r, v in reasons.items() if v},
        refused=n("refused"), pdus=n("pdus"), pdus_rate=rate("pdus"), duplicates=n("duplicates"),
        rows=n("rows"), rows_rate=rate("rows"), rows_by_kind={k: v for k, v in kinds.items() if v}, unwritten=n("unwritten"),
        files_completed=n("files_completed"), files_open=n("files_open"), write_failures=n("write_failures"),
        in_trouble=bool(n("in_trouble")), journal_octets=n("journal_octets"), own_rows_lost=n("own_rows_lost"),
        keys_missing=n("keys_missing"), thresholds_crossed=n("thresholds_crossed"), events=n("events_told"),
        cpu=between.cpu("cpu_ns"),
        probes=tuple(_heard(between, k, name) for k, name in enumerate(identity["probes"])),
        one_way=tuple(_one_way(between, k, name) for k, name in enumerate(identity["one_way_classes"])))


def _heard(between: Between, number: int, name: str) -> HeardFigures:
    def of(what: str) -> str:
        return f"probe_{number}_{what}"

    n, rate = between.now, between.rate
    state, heard_ns, known = n(of("state")), n(of("last_heard_ns")), n(of("clock_known"))
    return HeardFigures(
        name, PROBE_STATES[state] if 0 <= state < len(PROBE_STATES) else "",
        max((between.after.wall_ns - heard_ns) / 1e9, 0) if heard_ns else None,
        n(of("pdus")), rate(of("pdus")), n(of("rows")), rate(of("rows")), n(of("rejected")),
        n(of("clock_offset_ns")) / 1e9 if known else None, n(of("clock_uncertainty_ns")) / 1e9 if known else None)


def _one_way(between: Between, number: int, name: str) -> OneWayFigures:
    def of(what: str) -> str:
        return f"one_way_{number}_{what}"

    n, rate = between.now, between.rate
    rates = [rate(of(what)) for what in UNUSED]
    return OneWayFigures(name, n(of("packets")), rate(of("packets")), n(of("waiting")), n(of("rounds_forced")),
                         sum(n(of(what)) for what in UNUSED), None if None in rates else sum(rates), n(of("clashes")))
