"""Answers SNMP by itself, on a UDP port."""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing

from pysnmp.carrier.asyncio.dispatch import AsyncioDispatcher
from pysnmp.entity import config

from tmon_agent.secrets import SecretsError
from tmon_agent.secrets_watch import LOOK_EVERY_S, SecretsWatch
from tmon_agent.service import ServiceError, Setting
from tmon_agent.snmp.engine import make_engine, teach
from tmon_agent.snmp.identity import identity_of
from tmon_agent.snmp.port import listen, port_of
from tmon_agent.snmp.reading import Reading
from tmon_agent.snmp.responder import Responder
from tmon_agent.snmp.system import System
from tmon_agent.view import View

log = logging.getLogger(__name__)

TIMER_S = 1.0
"""How often pysnmp looks for what is too old."""


class SnmpService:
    """A tmon_agent.service.Service. port: where it listens, once it does."""

    def __init__(self, setting: Setting, look_every_s: float = LOOK_EVERY_S) -> None:
        """ServiceError if the secrets cannot be used. look_every_s: at their file."""
        self._setting, self._look_every_s = setting, look_every_s
        self.port = 0
        try:
            self._watch = SecretsWatch(setting.configuration.monitoring)
        except SecretsError as error:
            raise ServiceError(str(error)) from None

    async def run(self, view: View) -> None:
        setting, users = self._setting, self._setting.configuration.monitoring.users
        with closing(listen(setting)) as own:
            identity = identity_of(setting.kind, setting.name, setting.configuration.path)
            engine = make_engine(identity, users, self._watch.secrets)
            Responder(engine, Reading(view, System(engine, setting.kind, setting.name)).tree)
            dispatcher = AsyncioDispatcher(timeout=TIMER_S)
            engine.register_transport_dispatcher(dispatcher)
            transport = port_of(own, engine)
            config.add_transport(engine, transport.DOMAIN, transport.open_server_mode(sock=own))
            address, self.port = own.getsockname()[:2]
            log.info("SNMP of %s at %s:%d, engine %s", setting.program, f"[{address}]" if ":" in address else address, self.port,
                     identity.engine_id.hex())
            try:
                while True:
                    await asyncio.sleep(self._look_every_s)
                    if changed := self._watch.changed():
                        teach(engine, users, changed)
            finally:
                engine.close_dispatcher()
