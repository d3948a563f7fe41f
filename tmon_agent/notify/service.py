"""Traps and informs as a service: the managers of the configuration are told of the program's events."""

from __future__ import annotations

import logging

from tmon_agent.notify.sender import Sender
from tmon_agent.notify.teller import Teller
from tmon_agent.secrets import SecretsError, secrets_of
from tmon_agent.service import ServiceError, Setting
from tmon_agent.snmp.engine import make_engine
from tmon_agent.snmp.identity import identity_of
from tmon_agent.view import View

log = logging.getLogger(__name__)


class NotifyService:
    """A tmon_agent.service.Service."""

    def __init__(self, setting: Setting) -> None:
        """ServiceError if the secrets cannot be used."""
        self._setting = setting
        try:
            self._secrets = secrets_of(setting.configuration.monitoring)
        except SecretsError as error:
            raise ServiceError(str(error)) from None

    async def run(self, view: View) -> None:
        setting, monitoring = self._setting, self._setting.configuration.monitoring
        identity = identity_of(setting.kind, setting.name, setting.configuration.path)
        log.info("events of %s go to %s, from engine %s", setting.program,
                 ", ".join(f"{m.name} ({m.notify})" for m in monitoring.managers), identity.engine_id.hex())
        senders = {m.name: Sender(lambda: make_engine(identity, monitoring.users, self._secrets), m) for m in monitoring.managers}
        try:
            await Teller(view, "managers", {m.name: (m.severity, senders[m.name]) for m in monitoring.managers}).run()
        finally:
            for sender in senders.values():
                sender.close()
