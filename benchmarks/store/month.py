"""Makes the databases of a month that `benchmarks.store.questions` asks, and says what they take."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.store.fill import fill
from benchmarks.store.site import Site
from benchmarks.store.targets import target
from tmon_store.open import open_store

DIRECTORY = Path(tempfile.gettempdir()) / "trafmon-store-month"


def main() -> int:
    parser = argparse.ArgumentParser("benchmarks.store.month", description=__doc__)
    parser.add_argument("--flows", type=int, default=10_000, help="in a minute (10000)")
    parser.add_argument("--days", type=int, default=31, help="(31)")
    parser.add_argument("--minute-days", type=int, default=1, help="last days whose minutes are kept, too (1)")
    parser.add_argument("--backend", action="append", choices=("duckdb", "mysql"), help="both, unless given")
    parser.add_argument("--directory", type=Path, default=DIRECTORY)
    options = parser.parse_args()
    site = Site(flows=options.flows, days=options.days)
    began = time.monotonic()
    with ExitStack() as stack:
        engines = [stack.enter_context(target(b, options.directory, keep=True)) for b in options.backend or ("duckdb", "mysql")]
        for engine in engines:
            engine.fresh()
        stores = [open_store(engine.store) for engine in engines]

        day_s = [0.0] * len(engines)

        def tell(hour: int, seconds: list[float]) -> None:
            day_s[:] = [a + b for a, b in zip(day_s, seconds, strict=True)]
            if hour % 24 == 23:
                print(f"day {hour // 24 + 1}, {time.monotonic() - began:,.0f} s in all:",
                      ", ".join(f"{e.name} {s:.1f} s, {e.octets() / 1e6:,.0f} MB" for e, s in zip(engines, day_s, strict=True)),
                      file=sys.stderr, flush=True)
                day_s[:] = [0.0] * len(engines)

        fill(stores, site, options.minute_days, tell)
        for store in stores:
            store.close()
        print(", ".join(f"{e.name}: {e.octets() / 1e9:.2f} GB" for e in engines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
