"""Watch the probes and collectors of this host: rates, drops, ring, flows, what is sent; who is heard, what is written.

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
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

NONE_RUNS, UNUSABLE = 1, 2
LEAST_INTERVAL_NS, GREATEST_INTERVAL_NS = 100_000_000, 3_600_000_000_000
PLAIN_WIDTH = 100
"""Columns where the output is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", dest="configuration", type=Path, metavar="FILE", help="only what runs with this configuration")
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
    try:
        if options.configuration:
            options.configuration.stat()
    except OSError as error:
        print(f"trafmon top: {options.configuration}: {error.strerror}; expected the configuration of what runs", file=sys.stderr)
        return UNUSABLE
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the terminal must be left as it was
    signal.signal(signal.SIGTERM, _terminated)
    with suppress(KeyboardInterrupt):
        return _watch(options)
    return 0


def _watch(options: argparse.Namespace) -> int:
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
    finally:
        watching.close()
    return 0


class Watching:
    """Programs that run, or have run while this looked on; each with its last two samples."""

    def __init__(self, configuration: Path | None, name: str | None) -> None:
        self._configuration = str(configuration.resolve()) if configuration else None
        self._name = name
        self._seen: dict[str, list] = {}  # segment -> reader, sample before, sample after
        self._others = self._refused = 0

    def look(self) -> int:
        """Take samples; how many programs there are to show."""
        found, self._refused = _running()
        self._others = 0
        for reader in found:
            known = self._seen.get(reader.segment)
            if not self._wanted(reader.identity):
                self._others += 1
                reader.close()
            elif known is None or known[0].ended:  # new, or started again
                if known:
                    known[0].close()
                sample = _sample(reader)
                self._seen[reader.segment] = [reader, sample, sample]
            else:
                reader.close()
        for entry in self._seen.values():
            if entry[0].ended:
                entry[1] = entry[2] = _sample(entry[0])  # totals at the end, no rates
            elif time.monotonic_ns() > entry[2].monotonic_ns:
                entry[1], entry[2] = entry[2], _sample(entry[0])
        return len(self._seen)

    def probes(self) -> list:
        """trafmon.top_figures.ProbeFigures of each."""
        from trafmon.top_figures import figures

        return [figures(r.identity, before, after, ended=r.ended) for r, before, after in self._seen.values()
                if "probe" in r.identity]

    def collectors(self) -> list:
        """trafmon.top_collector_figures.CollectorFigures of each."""
        from trafmon.top_collector_figures import collector_figures

        return [collector_figures(r.identity, before, after, ended=r.ended) for r, before, after in self._seen.values()
                if "collector" in r.identity]

    def why_none(self) -> str:
        what = f"no probe or collector {self._name!r} runs" if self._name else "no probe or collector runs"
        what += f" with {self._configuration}" if self._configuration else ""
        hidden = [f"{n} {text}" for n, text in ((self._others, "other(s) run"),
                                               (self._refused, "may only be read by another user: try as root")) if n]
        return f"{what} on this host" + (f" ({'; '.join(hidden)})" if hidden else "")

    def close(self) -> None:
        for reader, _, _ in self._seen.values():
            reader.close()

    def _wanted(self, identity: dict) -> bool:
        name = identity["probe"] if "probe" in identity else identity["collector"]
        return self._name in (None, name) and self._configuration in (None, identity["configuration"])


def _running() -> tuple[list, int]:
    """Readers of probes, then of collectors; how many programs may not be read."""
    from tmon_collector import health as collectors
    from tmon_probe import health as probes

    found = [programs.running() for programs in (probes, collectors)]
    return [reader for readers, _ in found for reader in readers], sum(refused for _, refused in found)


def _sample(reader):
    from trafmon.top_figures import Sample

    return Sample(time.monotonic_ns(), time.time_ns(), reader.snapshot())


def _print(watching: Watching, *, as_json: bool) -> None:
    watching.look()
    if as_json:
        print(json.dumps({"time": time.time(), "probes": [asdict(f) for f in watching.probes()],
                          "collectors": [asdict(f) for f in watching.collectors()]}, indent=1))
        return
    from rich.console import Console

    from trafmon.top_view import view

    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(view(watching.probes(), watching.collectors()))


def _follow(watching: Watching, interval_ns: int) -> None:
    from rich.console import Console
    from rich.live import Live

    from trafmon.top_view import Screenful, view

    with _keys() as keys, Live(console=Console(), screen=True, auto_refresh=False) as live:
        while True:
            live.update(Screenful(view(watching.probes(), watching.collectors()), "q: quit"), refresh=True)
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
