"""Where the configuration files are when the command line does not say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYSTEM_DIRECTORY, SYSTEM_DIAGNOSTICS = Path("/etc/trafMon/xml"), Path("/etc/trafMon/diag")
CURRENT_NAME, NEXT_NAME = "tmon.xml", "tmon-new.xml"


@dataclass(frozen=True)
class Locations:
    """current: the configuration in force; next: the place watched for the version that follows it; diagnostics: the directory
    watched for a file `<program>.diag`."""

    current: Path
    next: Path
    diagnostics: Path = SYSTEM_DIAGNOSTICS

    def diag(self, program: str) -> Path:
        """The file that changes the diagnostics of a running program (tmon_probe, tmon_collector)."""
        return self.diagnostics / f"{program}.diag"


def locate(local: bool = False, current: Path | None = None, next: Path | None = None) -> Locations:  # noqa: A002
    """`-l`: ./tmon.xml and ./tmon-new.xml; else those in /etc/trafMon/xml. `-c` and `-n` name other files.

    With `-c` alone the next version is expected beside that file. The `.diag` file is expected beside the configuration that
    `-c` or `-l` names; else in /etc/trafMon/diag.
    """
    directory = Path() if local else SYSTEM_DIRECTORY
    current_path = current or directory / CURRENT_NAME
    beside = current_path.parent if current else directory
    return Locations(current_path, next or beside / NEXT_NAME, beside if local or current else SYSTEM_DIAGNOSTICS)
