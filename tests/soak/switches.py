"""The same configuration takes force again and again: all start anew, in place (execve), and hold what they held before."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from tests.pipeline.probe_process import START_LIMIT_S, Program, until
from tests.soak.site import COLLECTOR, Site

TOLD = "started with configuration"


@dataclass(frozen=True)
class Holding:
    """Of all processes of a program together. zombies: children that nobody has waited for. mappings: of shared memory and of
    packet sockets."""

    processes: int
    zombies: int
    descriptors: int
    threads: int
    mappings: int


MORE = Holding(processes=0, zombies=0, descriptors=12, threads=0, mappings=0)
"""What may come beside: an agent opens a socket for each manager at its first event, and has connections of who asks it just then;
a collector has two files open for each kind of rows that has just come."""


def switch_often(site: Site, times: int) -> list[str]:
    """What there is to complain about. When it begins, there is no traffic any more."""
    names = (*site.probes, COLLECTOR)
    first: dict[str, Holding] = {}
    last: dict[str, Holding] = {}
    for number in range(1, times + 1):
        _switch(site, number)
        last = {name: holding(site.programs[name]) for name in names}
        first = first or last
    return [f"{name}: after the first switch {first[name]}, after the last one {last[name]}" for name in last
            if any(now > then + more for then, now, more
                   in zip(astuple(first[name]), astuple(last[name]), astuple(MORE), strict=True))]


def holding(program: Program) -> Holding:
    """Now; what ends meanwhile is left out."""
    descriptors = threads = mappings = zombies = 0
    processes = program.relatives()
    for pid in processes:
        place = Path(f"/proc/{pid}")
        with suppress(OSError):
            descriptors += len(list((place / "fd").iterdir()))
            threads += len(list((place / "task").iterdir()))
            mappings += sum("/dev/shm/" in line or "socket:" in line for line in (place / "maps").read_text().splitlines())
            zombies += sum(_zombie(child) for child in (place / f"task/{pid}/children").read_text().split())
    return Holding(len(processes), zombies, descriptors, threads, mappings)


def _switch(site: Site, number: int) -> None:
    """Returns when all are at work again."""
    part = site.directory / "part"
    part.write_text((site.directory / "tmon.xml").read_text())
    part.rename(site.directory / "tmon-new.xml")
    for name in (*site.probes, COLLECTOR):
        until(lambda name=name: site.programs[name].messages.count(TOLD) >= number, f"{name} has switched", START_LIMIT_S)
    for probe in site.probes.values():
        probe.until_capturing()


def _zombie(pid: str) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
