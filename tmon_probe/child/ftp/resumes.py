"""Files that were not moved to their end, so that a transfer that resumes one is known as its next fragment."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from tmon_probe.child.ftp.commands import RETRIEVALS, STORES
from tmon_probe.child.ftp.transfer import COMPLETED, Transfer

MAX_FILES = 4096
"""Unfinished files that are remembered; beyond that the oldest is forgotten."""
MAX_EXTENTS = 16


@dataclass
class _File:
    transfer: int
    fragment: int
    extents: list[tuple[int, int]] = field(default_factory=list)
    """Octets covered: from, up to; in order, apart."""

    @property
    def covered(self) -> int:
        return sum(end - start for start, end in self.extents)


class Resumes:
    """Bounded memory of unfinished files, by client, server, user, direction and path."""

    def __init__(self) -> None:
        self._files: OrderedDict[tuple, _File] = OrderedDict()

    def __len__(self) -> int:
        return len(self._files)

    def ended(self, transfer: Transfer) -> None:
        """Set `resumes`, `fragment` and `file_octets` of a transfer that has ended; nothing for listings, or without a data
        connection."""
        octets = transfer.octets
        if octets is None or transfer.command not in RETRIEVALS | STORES:
            return
        session = transfer.session
        key = (session.client[0], session.server[0], session.user, transfer.command in RETRIEVALS, transfer.key_path)
        before = self._files.pop(key, None)
        offset = transfer.restart.offset
        if before is None or not (offset or transfer.command == "APPE"):
            before = None
        elif transfer.command == "APPE" and not offset:
            offset = before.extents[-1][1] if transfer.known_size is None else transfer.known_size
        extents = _joined(before.extents if before else [], offset, octets)
        file = _File(transfer.number, before.fragment + 1 if before else 1, extents)
        transfer.fragment, transfer.file_octets = file.fragment, file.covered
        transfer.resumes = before.transfer if before else None
        if transfer.outcome != COMPLETED and octets:
            self._files[key] = file
            if len(self._files) > MAX_FILES:
                self._files.popitem(last=False)


def _joined(extents: list[tuple[int, int]], offset: int, octets: int) -> list[tuple[int, int]]:
    """The same extents and offset to offset + octets, those that touch made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted([*extents, (offset, offset + octets)]):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined[:MAX_EXTENTS]
