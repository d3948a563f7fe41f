"""How a process has ended, for a person."""

from __future__ import annotations

import signal
from contextlib import suppress


def words(status: int | None) -> str:
    """status: as of subprocess and multiprocessing, minus the number of a signal. Real-time signals have no name (signal(7))."""
    if status is None or status >= 0:
        return f"exit status {status}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-status).name}"
    return f"killed by signal {-status}"
