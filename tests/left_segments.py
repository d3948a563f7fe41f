"""Shared memory of programs that tests have killed: it stays for their next start, which never comes."""

from __future__ import annotations

from pathlib import Path

from tmon_common.event_board import ENDING
from tmon_common.stats import SEGMENTS, Reader


def remove_left(directory: Path) -> None:
    """That of programs whose configuration was in the directory, and of which no process lives."""
    for path in SEGMENTS.glob("trafmon-*"):
        try:
            reader = Reader(path.name)
        except (FileNotFoundError, PermissionError):
            continue
        if f'"{directory}/' in reader.text and reader.ended:
            path.unlink(missing_ok=True)
            path.with_name(path.name + ENDING).unlink(missing_ok=True)
        reader.close()
