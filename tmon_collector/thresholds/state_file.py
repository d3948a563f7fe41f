"""What thresholds remember over a restart, beside the flows: which series are crossed, and what is usual. A small JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MODE = 0o640
MAX_OCTETS = 256 << 20
_VERSION = 1


def read_state(path: Path) -> dict[str, Any]:
    """Empty if there is none. OSError if it cannot be read, ValueError if it is damaged, or of another version."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    with os.fdopen(descriptor, "rb") as file:
        octets = file.read(MAX_OCTETS + 1)
    if len(octets) > MAX_OCTETS:
        raise ValueError("too large")
    found = json.loads(octets)
    if not isinstance(found, dict) or found.get("version") != _VERSION or not isinstance(found.get("series"), dict):
        raise ValueError("not the states of thresholds, or of another version")
    return found["series"]


def write_state(path: Path, series: dict[str, Any]) -> None:
    """In place of what was there, all or nothing. OSError when it cannot be written."""
    octets = json.dumps({"version": _VERSION, "series": series}, separators=(",", ":")).encode()
    new = path.with_name(path.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE), "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
