"""Watch the probes and collectors of this host: rates, drops, rings, flows, what is sent, heard and written.

Keys: q or Ctrl-C ends. Without a terminal one snapshot is printed, as with --once. Only programs whose statistics this user may
read are shown: run it as the user they run as, or as root.

Exit status: 0 shown, 1 no such program runs, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

NONE_RUNS, UNUSABLE = 1, 2
LEAST_INTERVAL_NS, GREATEST_INTERVAL_NS = 100_000_000, 3_600_000_000_000
PLAIN_WIDTH = 100
"""Columns where the output is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", dest="configuration", type=Path, metavar="FILE", help="only programs with this configuration")
    parser.add_argument("name", nargs="?", metavar="NAME", help="only the probe or collector of this name")
    parser.add_argument("--interval", type=_interval, default="1s", metavar="TIME", help="between two looks, 100ms to 1h (1s)")
    parser.add_argument("--once", action="store_true", help="one snapshot, its rates measured over the interval")
    parser.add_argument("--json", action="store_true", help="the same as one JSON object")


def _interval(text: str) -> int:
    """ns."""
    from tmon_common.config.quantities import parse_duration

    try:
        return parse_duration(text, LEAST_INTERVAL_NS, GREATEST_INTERVAL_NS)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def run(options: argparse.Namespace) -> int:
    if options.configuration and not options.configuration.exists():
        print(f"trafmon top: {options.configuration}: no such file", file=sys.stderr)
        return UNUSABLE
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the terminal must be left as it was
    signal.signal(signal.SIGTERM, _terminated)
    watching = Watching(options.configuration, options.name)
    try:
        if not watching.look():
            print(f"trafmon top: {watching.why_none()}", file=sys.stderr)
            return NONE_RUNS
        if options.once or options.json or not sys.stdout.isatty():
            time.sleep(options.interval / 1e9)
            _print(watching, as_json=options.json)
        else:
            _follow(watching, options.interval)
    except KeyboardInterrupt:
        pass
    finally:
        watching.close()
    return 0


class Watching:
    """Probes and collectors that run, or have run while this looked on; each with its last two samples."""

    def __init__(self, configuration: Path | None, name: str | None) -> None:
        self._configuration = str(configuration.resolve()) if configuration else None
        self._name = name
        self._seen: dict[str, list] = {}  # segment -> kind, reader, sample before, sample after
        self._others = self._refused = 0

    def look(self) -> int:
        """Take samples; how many programs there are to show."""
        self._others = self._refused = 0
        for kind, health in _kinds():
            found, refused = health.running()
            self._refused += refused
            for reader in found:
                self._meet(kind, reader)
        for entry in self._seen.values():
            if entry[1].ended:
                entry[2] = entry[3] = _sample(entry[1])  # totals at the end, no rates
            elif time.monotonic_ns() > entry[3].monotonic_ns:
                entry[2], entry[3] = entry[3], _sample(entry[1])
        return len(self._seen)

    def _meet(self, kind: str, reader) -> None:
        known = self._seen.get(reader.segment)
        if not self._wanted(kind, reader.identity):
            self._others += 1
            reader.close()
        elif known is None or known[1].ended:  # new, or started again
            if known:
                known[1].close()
            sample = _sample(reader)
            self._seen[reader.segment] = [kind, reader, sample, sample]
        else:
            reader.close()

    def figures(self, wanted: str = "") -> list:
        """trafmon.top_figures.ProbeFigures and trafmon.top_collector_figures.CollectorFigures, or those of one kind."""
        from trafmon import top_collector_figures, top_figures

        of = {"probe": top_figures.figures, "collector": top_collector_figures.figures}
        return [of[kind](reader.identity, before, after, ended=reader.ended) for kind, reader, before, after in self._seen.values()
                if wanted in ("", kind)]

    def why_none(self) -> str:
        what = f"no probe or collector {self._name!r} runs" if self._name else "no probe or collector runs"
        what += f" with {self._configuration}" if self._configuration else ""
        hidden = [f"{n} {text}" for n, text in ((self._others, "other(s) run"),
                                               (self._refused, "may only be read by another user: try as root")) if n]
        return f"{what} on this host" + (f" ({'; '.join(hidden)})" if hidden else "")

    def close(self) -> None:
        for _, reader, _, _ in self._seen.values():
            reader.close()

    def _wanted(self, kind: str, identity: dict) -> bool:
        return self._name in (None, identity[kind]) and self._configuration in (None, identity["configuration"])


def _kinds() -> tuple:
    from tmon_collector import health as of_collectors
    from tmon_probe import health as of_probes

    return (("probe", of_probes), ("collector", of_collectors))


def _sample(reader):
    from trafmon.top_samples import Sample

    return Sample(time.monotonic_ns(), time.time_ns(), reader.snapshot())


def _print(watching: Watching, *, as_json: bool) -> None:
    watching.look()
    if as_json:
        print(json.dumps({"time": time.time(), "probes": [asdict(f) for f in watching.figures("probe")],
                          "collectors": [asdict(f) for f in watching.figures("collector")]}, indent=1))
        return
    from rich.console import Console

    from trafmon.top_view import view

    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(view(watching.figures()))


def _follow(watching: Watching, interval_ns: int) -> None:
    from rich.console import Console
    from rich.live import Live

    from trafmon.top_view import Screenful, view

    with _keys() as keys, Live(console=Console(), screen=True, auto_refresh=False) as live:
        while True:
            live.update(Screenful(view(watching.figures()), "q: quit"), refresh=True)
            until_ns = time.monotonic_ns() + interval_ns
            while (left_ns := until_ns - time.monotonic_ns()) > 0:
                if select.select(keys, [], [], left_ns / 1e9)[0]:
                    pressed = os.read(keys[0], 64)
                    if b"q" in pressed.lower():
                        return
                    if not pressed:  # the terminal has gone
                        keys.clear()
            watching.look()


@contextmanager
def _keys() -> Iterator[list[int]]:
    """Standard input, key by key and without echo, if it is a terminal; else nothing to wait for."""
    if not sys.stdin.isatty():
        yield []
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield [sys.stdin.fileno()]
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _terminated(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
