"""Traps and informs as a service: the managers of the configuration are told of the program's events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from tmon_agent.notify.sender import Sender
from tmon_agent.notify.teller import Teller
from tmon_agent.secrets import SecretsError
from tmon_agent.secrets_watch import LOOK_EVERY_S, SecretsWatch
from tmon_agent.service import ServiceError, Setting
from tmon_agent.snmp.engine import make_engine
from tmon_agent.snmp.identity import identity_of
from tmon_agent.view import View

log = logging.getLogger(__name__)


class NotifyService:
    """A tmon_agent.service.Service."""

    def __init__(self, setting: Setting, look_every_s: float = LOOK_EVERY_S) -> None:
        """ServiceError if the secrets cannot be used. look_every_s: at their file."""
        self._setting, self._look_every_s = setting, look_every_s
        try:
            self._watch = SecretsWatch(setting.configuration.monitoring)
        except SecretsError as error:
            raise ServiceError(str(error)) from None

    async def run(self, view: View) -> None:
        setting, monitoring = self._setting, self._setting.configuration.monitoring
        identity = identity_of(setting.kind, setting.name, setting.configuration.path)
        log.info("events of %s go to %s, from engine %s", setting.program,
                 ", ".join(f"{m.name} ({m.notify})" for m in monitoring.managers), identity.engine_id.hex())
        senders = {m.name: Sender(lambda: make_engine(identity, monitoring.users, self._watch.secrets), m)
                   for m in monitoring.managers}
        renewing = asyncio.create_task(self._renew(list(senders.values())))
        try:
            await Teller(view, "managers", {m.name: (m.severity, senders[m.name]) for m in monitoring.managers}).run()
        finally:
            renewing.cancel()
            for sender in senders.values():
                sender.close()

    async def _renew(self, senders: Sequence[Sender]) -> None:
        while True:
            await asyncio.sleep(self._look_every_s)
            if self._watch.changed():
                for sender in senders:
                    sender.renew()
