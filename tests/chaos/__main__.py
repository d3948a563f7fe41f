"""Plays the scenarios of tests/chaos/scenarios.py and prints a table. As root.

    python -m tests.chaos [--scenario NAME ...] [--seed N] [--seconds N] [--keep DIRECTORY]

Exit status: 0 every verdict is good, 1 some are not, 2 nothing could be played, 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.table import Table

from tests.chaos.judge import Result
from tests.chaos.play import play, why_not
from tests.chaos.scenarios import SCENARIOS, Scenario

COLUMNS = ("scenario", "rows added", "in spool", "lost", "given up", "died with probe", "dupl.", "least gap ms: calls", "wire",
           "PDUs", "octets /row", "retries", "settled s", "verdict")

MAX_FAULT = 400
"""Last characters of what a program told that are shown."""


def _ms(ns: int | None) -> str:
    return "" if ns is None else f"{ns / 1e6:.2f}"


def _line(scenario: Scenario, result: Result) -> list[str]:
    return [scenario.name, f"{result.added:,}", f"{result.found:,}", str(result.lost), str(result.given_up), str(result.died),
            str(result.duplicates), _ms(result.called_gap_ns), _ms(result.wire_gap_ns),
            f"{result.pdus:,}", f"{result.octets_per_row:.1f}", f"{result.retries:,}", f"{result.delivered_s:.1f}",
            "BAD" if result.faults else "good"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Publication under chaos.")
    parser.add_argument("--scenario", action="append", choices=[s.name for s in SCENARIOS], metavar="NAME",
                        help="only this one; may be repeated: " + ", ".join(s.name for s in SCENARIOS))
    parser.add_argument("--seed", type=int, default=1, help="of the link's faults and of random moments (%(default)s)")
    parser.add_argument("--seconds", type=float, help="for how long rows are added, instead of what each scenario says")
    parser.add_argument("--keep", type=Path, help="leave what was recorded in this directory")
    return parser.parse_args()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _play_all(options: argparse.Namespace, console: Console) -> int:
    table = Table(*COLUMNS, title=f"Publication under chaos, seed {options.seed}", box=None, pad_edge=False)
    for column in table.columns[1:-1]:
        column.justify = "right"
    faults, start, played = [], monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
        for scenario in SCENARIOS:
            if options.scenario and scenario.name not in options.scenario:
                continue
            if reason := why_not(scenario):
                console.print(f"{scenario.name}: not played: {reason}", markup=False)
                continue
            directory = (options.keep or Path(scratch)) / scenario.name
            directory.mkdir(parents=True)
            try:
                result = play(scenario, directory, options.seed, options.seconds)
            except (AssertionError, OSError, RuntimeError) as error:
                result = Result(faults=[f"could not be played to its end: {str(error)[-MAX_FAULT:]}"])
            table.add_row(*_line(scenario, result))
            console.print(f"{scenario.name}: {'; '.join(result.faults) or 'good'}", markup=False, highlight=False)
            faults += result.faults
            played += 1
    console.print(table)
    console.print(f"{played} scenarios in {monotonic() - start:.0f} s")
    return 2 if not played else 1 if faults else 0


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _play_all(options, Console(width=None if sys.stdout.isatty() else 200))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
