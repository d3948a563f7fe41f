"""What loading costs as tables grow from a day to a month: seconds for each day of rows, loaded hour by hour."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks import circumstances
from benchmarks.store.rows import frames, write
from benchmarks.store.site import Site
from benchmarks.store.targets import target
from tmon_common.observations import KINDS
from tmon_store.load import load_spool

FILES = ("flow_definition", "ip_counters")


def main() -> int:
    parser = argparse.ArgumentParser("benchmarks.store.growth", description=__doc__)
    parser.add_argument("--flows", type=int, default=1000, help="in a minute (1000)")
    parser.add_argument("--days", type=int, default=31, help="(31)")
    parser.add_argument("--minutes", type=int, default=60, help="of a load (60)")
    parser.add_argument("--backend", action="append", choices=("duckdb", "mysql"), help="both, unless given")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "trafmon-store-growth")
    options = parser.parse_args()
    site = Site(flows=options.flows, days=options.days)
    for backend in options.backend or ("duckdb", "mysql"):
        with target(backend, options.directory) as engine:
            engine.fresh()
            for day in range(options.days):
                cpu_s = wall_s = rows = 0
                for minute in range(day * 1440, (day + 1) * 1440, options.minutes):
                    spool = options.directory / "spool"
                    shutil.rmtree(spool, ignore_errors=True)
                    spool.mkdir(parents=True)
                    for name, frame in frames(site, range(minute, minute + options.minutes), FILES).items():
                        write(spool, KINDS[name], frame, f"{minute:06}")
                    began = engine.cost()
                    rows += load_spool(spool, engine.store).rows
                    taken = engine.cost().without(began)
                    cpu_s, wall_s = cpu_s + taken.cpu_s, wall_s + taken.wall_s
                print(f"{engine.name}, day {day + 1}: {rows:,} rows, {cpu_s:.1f} CPU s, {wall_s:.1f} s,",
                      f"{engine.octets() / 1e6:,.0f} MB", flush=True)
    print(circumstances.machine())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
