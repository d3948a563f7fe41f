"""What can be asked now: a tree that is not made anew for every question."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tmon_agent.managed.tables import TABLES
from tmon_agent.snmp.tree import Tree, instances, objects
from tmon_agent.view import View

if TYPE_CHECKING:
    from tmon_agent.snmp.system import System

FRESH_S = 1.0
"""A tree serves all requests that come within this time: a walk is many of them."""


class Reading:
    """The tree of what a view shows, made anew when it is asked for after FRESH_S. system: what an SNMP agent has beside it."""

    def __init__(self, view: View, system: System | None = None, now_s: Callable[[], float] = time.monotonic) -> None:
        self._view, self._system, self._now_s = view, system, now_s
        self._objects = objects(TABLES)
        self._tree, self._until_s = Tree(()), now_s()

    def tree(self) -> Tree:
        now_s = self._now_s()
        if now_s >= self._until_s:
            own = list(self._system.instances(self._view.program())) if self._system else []
            self._tree = Tree([*own, *instances(self._view.tables())], [*self._objects, *(i[0][:-1] for i in own)])
            self._until_s = self._now_s() + FRESH_S
        return self._tree
