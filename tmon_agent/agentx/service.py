"""The sub-agent as a service: rows of the program through the master, its events as notifications of the master."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tmon_agent.agentx.client import Client
from tmon_agent.agentx.regions import regions
from tmon_agent.agentx.session import Notified, Session
from tmon_agent.agentx.values import binding_of
from tmon_agent.managed.declaration import ROOT, Program
from tmon_agent.managed.tables import TABLES
from tmon_agent.notify.notification import notification_of
from tmon_agent.notify.teller import Done, Teller
from tmon_agent.service import Setting
from tmon_agent.snmp.tree import Tree, instances, objects
from tmon_agent.view import View
from tmon_common.event_board import BoardEvent
from tmon_common.events.declaration import Severity

LEAST_SEVERITY = Severity.WARNING
"""Of events that the master is told. Whom it tells is its own affair (trap2sink, informsink of snmpd)."""
FRESH_NS = 1_000_000_000
"""For which a tree is as good as new."""


class AgentxService:
    """Of a setting whose agent has a master."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    async def run(self, view: View) -> None:
        setting = self._setting
        session = Session(ROOT, f"trafMon {setting.program}", tuple(regions(setting.kind, setting.name)), _FreshTree(view))
        client = Client(setting.agent.agentx, session, _notified)
        teller = Teller(view, "agentx", {f"AgentX master {setting.agent.agentx}": (LEAST_SEVERITY, _Master(client))})
        serving = asyncio.create_task(client.run())
        try:
            await teller.run()
        finally:
            serving.cancel()
            await asyncio.wait([serving])


class _FreshTree:
    """What can be asked, made anew where it is older than FRESH_NS: a walk asks a thousand times a second."""

    def __init__(self, view: View, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._view, self._clock = view, clock
        self._tree, self._until_ns = Tree((), ()), clock()
        self._objects = objects(TABLES)

    def __call__(self) -> Tree:
        now_ns = self._clock()
        if now_ns >= self._until_ns:
            self._tree, self._until_ns = Tree(instances(self._view.tables()), self._objects), now_ns + FRESH_NS
        return self._tree


class _Master:
    """Carries notifications to the master."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, event: BoardEvent, program: Program, done: Done) -> bool:
        return self._client.notify([binding_of(i) for i in notification_of(event, program)], done)


def _notified(notified: Notified) -> None:
    notified.token(notified.why)
