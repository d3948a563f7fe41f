"""Two files in memory as several programs see them: what `switch.Files` wants, and a hand that changes them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tmon_common.clock import FakeClock
from tmon_common.config.switch import Examined
from tmon_common.file_stamp import Stamp


@dataclass
class Disk:
    """current, next: what is in the files; None: there is none. unwritable: why nothing can be renamed."""

    clock: FakeClock
    current: Examined | None
    next: Examined | None = None
    unwritable: str = ""
    changes: int = 0
    changed_ns: int = 0
    renames: list[str] = field(default_factory=list)

    def put(self, version: Examined | None) -> None:
        """Somebody writes or removes the file that follows."""
        self.next = version
        self.changes += 1
        self.changed_ns = self.clock.wall_ns()


class DiskFiles:
    """One program's view."""

    next_name = "tmon-new.xml"

    def __init__(self, disk: Disk, allowed: bool = True) -> None:
        self._disk, self._allowed = disk, allowed
        self.examinations = 0

    def next_stamp(self) -> Stamp | None:
        disk = self._disk
        return None if disk.next is None else Stamp(1, 100, disk.changes, disk.changed_ns)

    def examine_next(self) -> Examined | None:
        self.examinations += 1
        return self._disk.next

    def current_digest(self) -> str | None:
        return self._disk.current and self._disk.current.digest

    def examine_current(self) -> Examined | None:
        return self._disk.current

    def put_in_force(self) -> str:
        disk = self._disk
        if disk.unwritable or not self._allowed:
            return disk.unwritable or "Permission denied"
        if disk.next is None:
            return "No such file or directory"
        disk.current, disk.next = disk.next, None
        disk.renames.append(disk.current.digest)
        return ""
