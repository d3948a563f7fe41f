"""An agent at work: the services its configuration asks for, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterator, Sequence
from typing import TYPE_CHECKING

from tmon_agent.service import END_PATIENCE_S, Service, Setting

if TYPE_CHECKING:
    from tmon_agent.view import View

log = logging.getLogger(__name__)


def services(setting: Setting) -> Iterator[Service]:
    """Those that are asked for. Each is imported only then: what nobody wants costs neither memory nor time.

    ServiceError, OSError: what they need to begin with (secrets) cannot be used.
    """
    agent = setting.agent
    if agent.metrics_port is not None:
        from tmon_agent.metrics.service import MetricsService

        yield MetricsService(setting)
    if agent.snmp_port is not None:
        from tmon_agent.snmp.service import SnmpService

        yield SnmpService(setting)
    if agent.agentx:
        from tmon_agent.agentx.service import AgentxService

        yield AgentxService(setting)
    if setting.configuration.monitoring.managers:
        from tmon_agent.notify.service import NotifyService

        yield NotifyService(setting)


async def serve(running: Sequence[Service], view: View, end: Awaitable[object]) -> None:
    """All of them, until `end` comes or one of them fails: its exception, when the others have ended, too."""
    tasks = [asyncio.create_task(service.run(view), name=type(service).__name__) for service in running]
    ending = asyncio.ensure_future(end)
    try:
        await asyncio.wait([ending, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ending.cancel()
        await _end(tasks)


async def _end(tasks: Sequence[asyncio.Task]) -> None:
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    ended, late = await asyncio.wait(tasks, timeout=END_PATIENCE_S)
    for task in late:
        log.warning("%s did not end within %g s", task.get_name(), END_PATIENCE_S)
    for task in ended:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
