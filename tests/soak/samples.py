"""What each process of the programs holds, second by second: memory, descriptors, threads; and how many files wait in the spool.

See proc(5): smaps_rollup, fd, status.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path

from tests.pipeline.probe_process import Probe, Program

_FIELD = re.compile(r"^(Rss|Pss|Pss_Anon|Pss_Shmem): +(\d+) kB$", re.MULTILINE)
_THREADS = re.compile(r"^Threads:\s+(\d+)$", re.MULTILINE)
_ROLES = ("resource_tracker", "tmon_agent")
"""Of processes of other programs, by their command line."""


@dataclass(frozen=True)
class Sample:
    """Of a process. octets of memory: all that is mapped and there (rss); its share of it (pss); of that, what it has allocated
    (allocated) and what it shares by intention (shared)."""

    at_s: float
    rss: int
    pss: int
    allocated: int
    shared: int
    descriptors: int
    threads: int


@dataclass
class Samples:
    """processes: by (program, role, process id). spool: (seconds, files, octets) of each look."""

    processes: dict[tuple[str, str, int], list[Sample]] = field(default_factory=lambda: defaultdict(list))
    spool: list[tuple[float, int, int]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """As CSV, for who wants to look."""
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("program", "role", "process", *Sample.__dataclass_fields__))
            rows.writerows((*key, *astuple(sample)) for key, taken in self.processes.items() for sample in taken)

    def take(self, at_s: float, programs: Mapping[str, Program], spool: Path) -> None:
        """Of every process that is there now."""
        for name, program in programs.items():
            for pid in program.relatives():
                with suppress(OSError):  # it has just ended
                    self.processes[name, _role(program, pid), pid].append(look(pid, at_s))
        files = [octets for path in spool.iterdir() if (octets := _octets(path)) is not None]
        self.spool.append((at_s, len(files), sum(files)))


def look(pid: int, at_s: float) -> Sample:
    """OSError if it has ended."""
    place = Path(f"/proc/{pid}")
    octets = {name: int(kilo) * 1024 for name, kilo in _FIELD.findall((place / "smaps_rollup").read_text())}
    threads = int(_THREADS.search((place / "status").read_text())[1])
    descriptors = len(list((place / "fd").iterdir()))
    return Sample(at_s, octets["Rss"], octets["Pss"], octets["Pss_Anon"], octets["Pss_Shmem"], descriptors, threads)


def _role(program: Program, pid: int) -> str:
    if pid == program.process.pid:
        return "main"
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    forked = "keeper" if isinstance(program, Probe) and pid != program.numbers()["child_pid"] else "child"
    return next((role for role in _ROLES if role in command), forked)


def _octets(path: Path) -> int | None:
    """None: it has just gone."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return None
