"""Rows per second from the spool into the database, beside what the engine itself takes of the same files into one plain table."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import circumstances
from benchmarks.measure import Cost
from benchmarks.store.rows import MADE, frames, write
from benchmarks.store.site import Site
from benchmarks.store.targets import Target, target
from tmon_common.observations import FLOW_DEFINITION, KINDS, Kind
from tmon_store.load import load_spool

FILE_MINUTES = 10


@dataclass(frozen=True)
class Loaded:
    """What `rows` rows cost: loaded, and taken raw. octets: of the database after it, definitions and all."""

    engine: str
    kind: str
    rows: int
    loader: Cost
    raw: Cost
    octets: int


def main() -> int:
    parser = argparse.ArgumentParser("benchmarks.store.load", description=__doc__)
    parser.add_argument("--rows", type=int, action="append", help="of one kind; may be given often (100000, 10000000)")
    parser.add_argument("--kind", action="append", choices=[k for k in MADE if k != FLOW_DEFINITION.name], help="(ip_counters)")
    parser.add_argument("--backend", action="append", choices=("duckdb", "mysql"), help="both, unless given")
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many (3); from 10^6 rows on once")
    parser.add_argument("--flows", type=int, default=10_000, help="in a minute (10000)")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "trafmon-store-load")
    options = parser.parse_args()
    results = []
    for backend in options.backend or ("duckdb", "mysql"):
        with target(backend, options.directory) as engine:
            for name in options.kind or ("ip_counters",):
                for rows in options.rows or (100_000, 10_000_000):
                    results.append(_measure(engine, KINDS[name], rows, options))
                    print(results[-1], flush=True)
    _tell(results)
    return 0


def _measure(engine: Target, kind: Kind, rows: int, options: argparse.Namespace) -> Loaded:
    site = Site(flows=options.flows)
    spool, later = options.directory / "spool", options.directory / "later"
    for directory in (spool, later):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
    minute, made, files = 0, 0, []
    while made < rows:
        parts = frames(site, range(minute, minute + FILE_MINUTES), (FLOW_DEFINITION.name, kind.name))
        write(spool, FLOW_DEFINITION, parts[FLOW_DEFINITION.name], f"{minute:06}")
        files.append(write(later, kind, parts[kind.name], f"{minute:06}"))
        made += parts[kind.name].height
        minute += FILE_MINUTES
    loader, raw = [], []
    for _ in range(options.repeat if rows < 10**6 else 1):
        engine.fresh()
        load_spool(spool, engine.store)
        for file in files:
            (spool / file.name).hardlink_to(file)
        began = engine.cost()
        report = load_spool(spool, engine.store)
        loader.append(engine.cost().without(began))
        if report.rows != made:
            raise RuntimeError(f"{report.rows} of {made} rows were loaded: {report.warnings[:3]}")
        raw.append(engine.raw(kind, files))
        for file in files:
            (spool / file.name).unlink()
    octets = engine.octets()
    shutil.rmtree(spool)
    shutil.rmtree(later)
    return Loaded(engine.name, kind.name, made, _least(loader), _least(raw), octets)


def _least(costs: list[Cost]) -> Cost:
    return Cost(min(c.cpu_s for c in costs), min(c.wall_s for c in costs))


def _tell(results: list[Loaded]) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("engine", "kind", "rows", "raw, rows/s", "loader, rows/s", "ratio", "raw, rows/CPU s", "loader", "ratio",
                    "octets a row"):
        table.add_column(heading, justify="left" if heading in ("engine", "kind") else "right")
    for r in results:
        table.add_row(r.engine, r.kind, f"{r.rows:,}", f"{r.rows / r.raw.wall_s:,.0f}", f"{r.rows / r.loader.wall_s:,.0f}",
                      f"{r.raw.wall_s / r.loader.wall_s:.2f}", f"{r.rows / r.raw.cpu_s:,.0f}", f"{r.rows / r.loader.cpu_s:,.0f}",
                      f"{r.raw.cpu_s / r.loader.cpu_s:.2f}", f"{r.octets / r.rows:.1f}")
    Console(width=132, highlight=False).print(table)
    print(circumstances.machine())


if __name__ == "__main__":
    raise SystemExit(main())
