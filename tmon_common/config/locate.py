"""Where the configuration files are when the command line does not say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYSTEM_DIRECTORY = Path("/etc/trafMon/xml")
CURRENT_NAME, NEXT_NAME = "tmon.xml", "tmon-new.xml"


@dataclass(frozen=True)
class Locations:
    """current: the configuration in force; next: the place watched for the version that follows it."""

    current: Path
    next: Path


def locate(local: bool = False, current: Path | None = None, next: Path | None = None) -> Locations:  # noqa: A002
    """`-l`: ./tmon.xml and ./tmon-new.xml; else those in /etc/trafMon/xml. `-c` and `-n` name other files.

    With `-c` alone the next version is expected beside that file.
    """
    directory = Path() if local else SYSTEM_DIRECTORY
    current_path = current or directory / CURRENT_NAME
    return Locations(current_path, next or (current_path.parent if current else directory) / NEXT_NAME)
