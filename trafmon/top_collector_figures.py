"""From a collector's statistics at two moments to what a person wants to know: who is heard, what is written, what is not used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tmon_collector.health_names import PROBE_STATES
from trafmon.between import Between, Sample

UNUSED = ("late", "refused", "ahead", "undefined", "unexpected", "outdated")
"""Observations of a one-way class that came in vain."""


@dataclass(frozen=True)
class HeardProbeFigures:
    """state: of health_names.PROBE_STATES. silent_s: since it was last heard, None if never. clock_*_s: None if not known."""

    name: str
    state: str
    silent_s: float | None
    pdus: int
    pdus_rate: float | None
    rows: int
    rows_rate: float | None
    rejected: int
    rejected_rate: float | None
    clock_offset_s: float | None
    clock_uncertainty_s: float | None
    clock_steps: int


@dataclass(frozen=True)
class KindFigures:
    """What was written of a kind."""

    name: str
    rows: int
    rows_rate: float | None
    octets: int
    files: int


@dataclass(frozen=True)
class OneWayFigures:
    """waiting: observations; packets: that have their verdict; unused: observations that came in vain, by reason."""

    name: str
    waiting: int
    packets: int
    packets_rate: float | None
    rounds_forced: int
    unused: dict[str, int]


@dataclass(frozen=True)
class CollectorFigures:
    """Rates are per second, None without an interval to measure them. rejected_by_reason, kinds: those that occurred."""

    collector: str
    host: str
    configuration: str
    version: str
    pid: int
    port: int
    up_s: float | None
    ended: bool
    pdus: int
    pdus_rate: float | None
    rows: int
    rows_rate: float | None
    bit_rate: float | None
    duplicates: int
    rejected: int
    rejected_rate: float | None
    rejected_by_reason: dict[str, int]
    refused: int
    drops: int
    drops_rate: float | None
    unwritten: int
    in_trouble: bool
    write_failures: int
    files: int
    files_open: int
    journal_octets: int
    own_rows_waiting: int
    own_rows_lost: int
    keys_missing: int
    thresholds_crossed: int
    events: int
    cpu: float | None
    states: dict[str, int]
    probes: tuple[HeardProbeFigures, ...]
    kinds: tuple[KindFigures, ...]
    one_way: tuple[OneWayFigures, ...]


def collector_figures(identity: Mapping[str, Any], before: Sample, after: Sample, *, ended: bool = False) -> CollectorFigures:
    """identity: as tmon_collector.health gives it. A number that the collector does not have counts as 0.

    The same sample twice gives the totals, and None for rates.
    """
    between = Between(before, after)
    n, rate, run_ms = between.now, between.rate, identity["run"]
    reasons = {reason: value for reason in identity["reasons"] if (value := n(f"rejected_{reason}_datagrams"))}
    kinds = (_kind(between, i, name) for i, name in enumerate(identity["kinds"]))
    return CollectorFigures(
        identity["collector"], identity["host"], identity["configuration"], identity["version"], identity["pid"], identity["port"],
        up_s=(after.wall_ns - run_ms * 1_000_000) / 1e9 if run_ms else None, ended=ended,
        pdus=n("pdus"), pdus_rate=rate("pdus"), rows=n("rows"), rows_rate=rate("rows"), bit_rate=rate("octets", 8),
        duplicates=n("duplicates"), rejected=n("rejected"), rejected_rate=rate("rejected"), rejected_by_reason=reasons,
        refused=n("refused"), drops=n("receive_drops"), drops_rate=rate("receive_drops"), unwritten=n("unwritten"),
        in_trouble=bool(n("in_trouble")), write_failures=n("write_failures"),
        files=n("files_completed"), files_open=n("files_open"), journal_octets=n("journal_octets"),
        own_rows_waiting=n("own_rows_waiting"), own_rows_lost=n("own_rows_lost"), keys_missing=n("keys_missing"),
        thresholds_crossed=n("thresholds_crossed"), events=n("events_told"), cpu=between.cpu("cpu_ns"),
        states={state: n(f"probes_{state}") for state in PROBE_STATES},
        probes=tuple(_probe(between, i, name) for i, name in enumerate(identity["probes"])),
        kinds=tuple(kind for kind in kinds if kind.rows or kind.files),
        one_way=tuple(_one_way(between, i, name) for i, name in enumerate(identity["one_way_classes"])))


def _probe(between: Between, number: int, name: str) -> HeardProbeFigures:
    def of(what: str) -> str:
        return f"probe_{number}_{what}"

    n, rate = between.now, between.rate
    state, heard_ns, known = n(of("state")), n(of("last_heard_ns")), n(of("clock_known"))
    return HeardProbeFigures(
        name, PROBE_STATES[state] if 0 <= state < len(PROBE_STATES) else "",
        silent_s=(between.after.wall_ns - heard_ns) / 1e9 if heard_ns else None,
        pdus=n(of("pdus")), pdus_rate=rate(of("pdus")), rows=n(of("rows")), rows_rate=rate(of("rows")),
        rejected=n(of("rejected")), rejected_rate=rate(of("rejected")),
        clock_offset_s=n(of("clock_offset_ns")) / 1e9 if known else None,
        clock_uncertainty_s=n(of("clock_uncertainty_ns")) / 1e9 if known else None, clock_steps=n(of("clock_steps")))


def _kind(between: Between, number: int, name: str) -> KindFigures:
    n = between.now
    return KindFigures(name, n(f"kind_{number}_rows"), between.rate(f"kind_{number}_rows"), n(f"kind_{number}_octets"),
                       n(f"kind_{number}_files"))


def _one_way(between: Between, number: int, name: str) -> OneWayFigures:
    def of(what: str) -> str:
        return f"one_way_{number}_{what}"

    n = between.now
    unused = {reason: value for reason in UNUSED if (value := n(of(reason)))}
    return OneWayFigures(name, n(of("waiting")), n(of("packets")), between.rate(of("packets")), n(of("rounds_forced")), unused)
