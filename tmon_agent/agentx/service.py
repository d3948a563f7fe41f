"""The sub-agent as a service: rows of the program through the master, its events as notifications of the master."""

from __future__ import annotations

import asyncio

from tmon_agent.agentx.client import Client
from tmon_agent.agentx.regions import regions
from tmon_agent.agentx.session import Notified, Session
from tmon_agent.agentx.values import binding_of
from tmon_agent.managed.declaration import ROOT, Program
from tmon_agent.notify.notification import notification_of
from tmon_agent.notify.teller import Done, Teller
from tmon_agent.service import Setting
from tmon_agent.snmp.reading import Reading
from tmon_agent.view import View
from tmon_common.event_board import BoardEvent
from tmon_common.events.declaration import Severity

LEAST_SEVERITY = Severity.WARNING
"""Of events that the master is told. Whom it tells is its own affair (trap2sink, informsink of snmpd)."""


class AgentxService:
    """Of a setting whose agent has a master."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    async def run(self, view: View) -> None:
        setting = self._setting
        session = Session(ROOT, f"trafMon {setting.program}", tuple(regions(setting.kind, setting.name)), Reading(view).tree)
        client = Client(setting.agent.agentx, session, _notified)
        teller = Teller(view, "agentx", {f"AgentX master {setting.agent.agentx}": (LEAST_SEVERITY, _Master(client))})
        serving = asyncio.create_task(client.run())
        try:
            await teller.run()
        finally:
            serving.cancel()
            await asyncio.wait([serving])


class _Master:
    """Carries notifications to the master."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, event: BoardEvent, program: Program, done: Done) -> bool:
        return self._client.notify([binding_of(i) for i in notification_of(event, program)], done)


def _notified(notified: Notified) -> None:
    notified.token(notified.why)
