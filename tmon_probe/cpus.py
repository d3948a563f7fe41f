"""Pinning processes to processors."""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)


def pin_father(cpu: int) -> None:
    """This process runs on that CPU only. On a machine without it, or with one CPU, nothing changes and no harm is done."""
    _pin({cpu}, f"father_cpu {cpu}")


def pin_child(cpus: tuple[int, ...], father_cpus: tuple[int, ...]) -> None:
    """This process runs on these CPUs; by default on all but those of the fathers, if there are others."""
    available = _every()
    _pin(set(cpus) if cpus else (available - set(father_cpus)) or available, f"child_cpus {' '.join(map(str, cpus))}")


def _every() -> set[int]:
    return set(range(os.cpu_count() or 1))


def _pin(cpus: set[int], what: str) -> None:
    usable = cpus & _every()
    if not usable:
        log.warning("%s: this machine has CPUs 0 to %d; the process is not pinned", what, len(_every()) - 1)
        return
    try:
        os.sched_setaffinity(0, usable)
    except OSError as error:  # a cpuset of the service manager or container
        log.warning("%s: the process may not be pinned there: %s", what, error.strerror)
