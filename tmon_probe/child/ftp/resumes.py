"""Files that were not moved to their end, so that a transfer that resumes one is known as its next fragment."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from tmon_probe.child.ftp.commands import RETRIEVALS, STORES
from tmon_probe.child.ftp.transfer import COMPLETED, Transfer

MAX_FILES = 4096
"""Files under way or unfinished that are remembered; beyond that the oldest is forgotten."""
MAX_EXTENTS = 16
_FILES = RETRIEVALS | STORES


@dataclass(eq=False)
class _Fragment:
    """A transfer of a file. before: the one that it resumes if it resumes one. extents: octets of the file that all fragments up to
    this one cover, (from, up to), in order and apart; None until that is known."""

    transfer: Transfer
    before: _Fragment | None
    number: int = 1
    lowest: int = 0
    extents: list[tuple[int, int]] | None = None

    @property
    def whole(self) -> bool:
        """Nothing is left to resume."""
        return bool(self.transfer.answered_ns) and self.transfer.outcome == COMPLETED


class Resumes:
    """Bounded memory of files, by client, server, user, direction and path."""

    def __init__(self) -> None:
        self._newest: OrderedDict[tuple, _Fragment] = OrderedDict()  # of each file
        self._open: dict[int, tuple[tuple, _Fragment]] = {}

    def __len__(self) -> int:
        return len(self._newest)

    def began(self, transfer: Transfer) -> None:
        if transfer.command not in _FILES:
            return
        session = transfer.session
        key = (session.client[0], session.server[0], session.user, transfer.command in RETRIEVALS, transfer.key_path)
        before = self._newest.pop(key, None)
        self._newest[key] = fragment = _Fragment(transfer, before)
        self._open[transfer.number] = key, fragment
        if len(self._newest) > MAX_FILES:
            self._newest.popitem(last=False)

    def ended(self, transfer: Transfer) -> None:
        """Set `resumes`, `fragment` and `file_octets` of the transfer; nothing for listings, or without a data connection."""
        key, fragment = self._open.pop(transfer.number, (None, None))
        if fragment is None:
            return
        newest, before, octets = self._newest.get(key) is fragment, fragment.before, transfer.octets
        fragment.before = None
        if not octets and transfer.outcome != COMPLETED:  # as if it had not been
            self._forget(key, newest, before)
        if octets is None:
            fragment.extents = []
            return
        offset = transfer.restart.offset
        if not (offset or transfer.command == "APPE") or (before is not None and before.whole):
            before = None
        covered = [] if before is None else before.extents
        if covered is None:  # it still goes on, as far as was seen; who resumes it has what comes before
            covered = [(before.lowest, offset)] if offset > before.lowest else []
        if before is not None and transfer.command == "APPE" and not offset:
            offset = transfer.known_size if transfer.known_size is not None else covered[-1][1] if covered else 0
        fragment.extents = _joined(covered, offset, octets)
        fragment.lowest = fragment.extents[0][0]
        fragment.number = before.number + 1 if before else 1
        transfer.fragment, transfer.file_octets = fragment.number, sum(end - start for start, end in fragment.extents)
        transfer.resumes = before.transfer.number if before else None
        if transfer.outcome == COMPLETED:
            self._forget(key, newest, None)

    def _forget(self, key: tuple, newest: bool, before: _Fragment | None) -> None:
        """The transfer leaves nothing to resume but what it would have resumed itself."""
        if newest and before is None:
            del self._newest[key]
        elif newest:
            self._newest[key] = before


def _joined(extents: list[tuple[int, int]], offset: int, octets: int) -> list[tuple[int, int]]:
    """The same extents and offset to offset + octets, those that touch made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted([*extents, (offset, offset + octets)]):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined[:MAX_EXTENTS]
