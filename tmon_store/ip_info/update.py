"""One run: addresses that were not known get a row, old rows follow a changed organisation, and the DNS is asked for names.

The database is open for moments only, so that the loader gets in between. Every step is done as a whole or not at all; where a run
ends early, the next one goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tmon_common.config.store_model import Names
from tmon_store.access import Access
from tmon_store.errors import StoreError
from tmon_store.ip_info import rows
from tmon_store.ip_info.answers import Answer
from tmon_store.ip_info.describe import Describer
from tmon_store.ip_info.due import due
from tmon_store.ip_info.resolver import Resolver
from tmon_store.ip_info.schema import FAILED, FOUND, IP_INFO, MARKS, NONE
from tmon_store.ip_info.sources import Source, first_undescribed, sources, tables_present

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

NEW_AT_ONCE = 50_000
"""Addresses that are taken from a column at once: what a transaction adds."""
PAGE = 20_000
"""Rows that are looked through at once."""
NAMES_AT_ONCE = 2000
"""Names between two writes into the database."""
DESCRIBED = "described"
"""Name of the mark that tells after which organisation and files all rows are."""

Progress = Callable[[int, int], object]
"""Called with names asked for, and names in all."""


@dataclass
class Report:
    """What a run did. new: addresses; changed: rows that follow a changed organisation or geography; names: answers by status;
    left: addresses that should have been asked for, and were not."""

    new: int = 0
    changed: int = 0
    names: dict[str, int] = field(default_factory=dict)
    left: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        return not (self.new or self.changed or self.names)

    def __str__(self) -> str:
        counts = [f"{self.names.get(s, 0)} {word}" for s, word in ((FOUND, "found"), (NONE, "without"), (FAILED, "failed"))]
        names = f", {sum(self.names.values())} names asked for: {', '.join(counts)}" if self.names else ""
        left = f", {self.left} left" if self.left else ""
        return f"{self.new} new addresses, {self.changed} changed{names}{left}, {self.seconds:.2f} s"


class Update:
    """everything: search all tables, look through all rows, ask for all names. now: UTC, whole seconds, without a zone."""

    def __init__(self, access: Access, describer: Describer, names: Names | None, now: Callable[[], datetime],
                 everything: bool = False) -> None:
        self._access, self._describer, self._names, self._now, self._everything = access, describer, names, now, everything
        self.report = Report()

    def run(self, progress: Progress | None = None) -> Report:
        """Do it all. StoreBusyError, StoreError, KeyboardInterrupt: what was done until then stays, and is in `report`."""
        with self._access.opened(read_only=True) as store:
            present = {name for (name,) in store.query(tables_present(self._access.name))}
            if "flow" not in present:
                msg = f"{self._access.name}: has no flows yet; the loader makes the database"
                raise StoreError(msg)
        if self._everything or not {IP_INFO.name, MARKS.name} <= present:
            with self._access.opened() as store:
                store.ensure([IP_INFO, MARKS])
        with self._access.opened(read_only=True) as store:
            old = rows.marks(store)
            searched = [s for s in sources() if s.table.name in present]
            reached = {s.name: mark for s in searched if (mark := _reached(store, s)) is not None}
        self._search(searched, old, reached)
        if self._everything or old.get(DESCRIBED) != self._describer.digest:
            self._describe_again()
        if self._names:
            self._ask(self._names, progress)
        return self.report

    def _search(self, searched: list[Source], old: dict[str, int], reached: dict[str, int]) -> None:
        """Add the addresses that have no row. old, reached: how far the tables were searched, and are now."""
        known = {n: mark for n, mark in old.items() if mark <= reached.get(n, mark)}  # else rows have gone, and numbers come again
        columns = [(s, c, None if self._everything else known.get(s.name)) for s in searched for c in s.columns]
        whole = False
        while not whole:
            found: set[str] = set()
            with self._access.opened(read_only=True) as store:
                for source, column, mark in columns:
                    found |= {a for (a,) in store.query(source.unknown(column, mark, NEW_AT_ONCE - len(found)))}
                    if len(found) >= NEW_AT_ONCE:
                        break
                else:
                    whole = True
            new = self._describer.new_rows(sorted(found), self._now())
            changed = {k: v for k, v in reached.items() if old.get(k) != v} if whole else {}
            if new or changed:
                with self._access.opened() as store:
                    rows.add(store, new, changed)
            self.report.new += len(new)

    def _describe_again(self) -> None:
        """Let all rows follow the organisation and the files as they are."""
        last = ""
        while True:
            with self._access.opened(read_only=True) as store:
                page = rows.page_after(store, last, PAGE)
            if not page:
                break
            last = page[-1]["address"]
            changes = self._describer.changes(page)
            if changes:
                with self._access.opened() as store:
                    self.report.changed += rows.change(store, changes, self._now())
        with self._access.opened() as store:
            rows.add(store, [], {DESCRIBED: self._describer.digest})

    def _ask(self, names: Names, progress: Progress | None) -> None:
        refresh = timedelta(microseconds=names.refresh_ns // 1000)
        with self._access.opened(read_only=True) as store:
            asked = [address for (address,) in store.query(due(self._now(), refresh, self._everything))]
        if not asked:
            return
        resolver = Resolver(names)
        self.report.left = len(asked)
        for i in range(0, len(asked), NAMES_AT_ONCE):
            answers: list[Answer] = []

            def answered(answer: Answer) -> None:
                answers.append(answer)  # noqa: B023 called within this round
                if progress:
                    progress(len(asked) - self.report.left + len(answers), len(asked))  # noqa: B023

            try:
                resolver.resolve(asked[i:i + NAMES_AT_ONCE], answered)
            finally:  # interrupted too: what is known stays known
                self._keep(answers)
            if resolver.gave_up:
                self.report.warnings.append(f"no answer from {resolver.servers}; the next run asks for the names that are left")
                break

    def _keep(self, answers: list[Answer]) -> None:
        now = self._now()
        changes: dict[str, rows.Row] = {}
        for a in answers:
            name = {} if a.status == FAILED else {"name": a.name}  # an older name is better than none
            changes[a.address] = {"name_status": a.status, "name_checked": now} | name
        if changes:
            with self._access.opened() as store:
                rows.change(store, changes, now)
        for a in answers:
            self.report.names[a.status] = self.report.names.get(a.status, 0) + 1
        self.report.left -= len(answers)


def _reached(store: Backend, source: Source) -> int | None:
    """The mark of a table as it is now; None if it is empty or has none."""
    newest = store.query(source.newest())[0][0] if source.progress else None
    if newest is None:
        return None
    return source.mark_of(newest, store.query(first_undescribed(newest))[0][0] if source.is_flow else None)
