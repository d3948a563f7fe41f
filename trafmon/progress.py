"""The progress bar of a running analysis: packets, rate, time left."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn


class ProgressBar:
    """Use as a context manager; `waiting` until the first figures come, then `update` with the probe's statistics."""

    def __init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
                   TextColumn("{task.fields[packets]}"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("starting", total=None, packets="")
        self._since_s: float | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def waiting(self, why: str) -> None:
        self._bar.update(self._task, description=why)

    def update(self, numbers: dict[str, int], now_s: float) -> None:
        """numbers: snapshot of the probe's statistics, or the sum of those of several; now_s: monotonic seconds."""
        packets = numbers["packets_seen"]
        if not packets:
            return
        self._since_s = self._since_s or now_s
        elapsed = now_s - self._since_s
        rate = f", {packets / elapsed:,.0f}/s" if elapsed > 0.5 else ""
        done = numbers["read_octets"] >= numbers["total_octets"] > 0
        self._bar.update(self._task, description="delivering" if done else "measuring", total=numbers["total_octets"] or None,
                         completed=numbers["read_octets"], packets=f"{packets:,} packets{rate}")
