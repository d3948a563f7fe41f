"""Seconds of ready-made questions (`trafmon query`) on the databases that `benchmarks.store.month` has made."""

from __future__ import annotations

import argparse
import time
from datetime import datetime, timedelta
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import circumstances
from benchmarks.store.month import DIRECTORY
from benchmarks.store.site import Site
from benchmarks.store.targets import target
from tmon_store.backends.backend import Backend
from tmon_store.open import open_store
from tmon_store.questions import QUESTIONS
from tmon_store.questions.ask import Wishes, ask

ASKED = ("classes", "protocols", "talkers", "conversations", "traffic", "round-trips", "slow-servers", "lost", "one-way-delays",
         "tcp-trouble", "failed-transfers", "dns-failures")
SPANS = (("an hour by 1min", 1, "1min"), ("a day by 1h", 24, "1h"), ("a week by 1h", 168, "1h"), ("the month by 1h", 0, "1h"),
         ("the month by 1day", 0, "1day"))
"""(what, hours up to the end of the data, 0: all; granularity)."""


def main() -> int:
    parser = argparse.ArgumentParser("benchmarks.store.questions", description=__doc__)
    parser.add_argument("--days", type=int, default=31, help="of the month (31)")
    parser.add_argument("--backend", action="append", choices=("duckdb", "mysql"), help="both, unless given")
    parser.add_argument("--question", action="append", choices=tuple(QUESTIONS), help=f"({' '.join(ASKED)})")
    parser.add_argument("--repeat", type=int, default=2, help="the best of so many (2)")
    parser.add_argument("--directory", type=Path, default=DIRECTORY)
    options = parser.parse_args()
    end = (Site().first + timedelta(days=options.days)).replace(tzinfo=None)
    for backend in options.backend or ("duckdb", "mysql"):
        with target(backend, options.directory, keep=True) as engine:
            store = open_store(engine.store, read_only=True)
            table = Table(title=f"{engine.name}, seconds", title_justify="left", box=box.SIMPLE, pad_edge=False)
            for heading in ("question", *(what for what, *_ in SPANS), "rows"):
                table.add_column(heading, justify="left" if heading == "question" else "right")
            for name in options.question or ASKED:
                times, rows = zip(*(_ask(store, name, end, hours, by, options.repeat) for _, hours, by in SPANS), strict=True)
                table.add_row(name, *(f"{t:.2f}" for t in times), str(rows[1]))
                print(engine.name, name, *(f"{t:.3f}" for t in times), flush=True)
            store.close()
        Console(width=132, highlight=False).print(table)
    print(circumstances.machine())
    return 0


def _ask(store: Backend, name: str, end: datetime, hours: int, by: str, repeat: int) -> tuple[float, int]:
    """Least seconds, rows of the answer."""
    question, best, rows = QUESTIONS[name], float("inf"), 0
    wishes = Wishes(end - timedelta(hours=hours) if hours else None, end if hours else None, by if question.rollups else None)
    for _ in range(repeat):
        began = time.perf_counter()
        rows = len(ask(store, question, wishes, end).rows)
        best = min(best, time.perf_counter() - began)
    return best, rows


if __name__ == "__main__":
    raise SystemExit(main())
