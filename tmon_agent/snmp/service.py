"""Answers SNMP by itself, on a UDP port."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import closing

from pysnmp.carrier.asyncio.dispatch import AsyncioDispatcher
from pysnmp.entity import config

from tmon_agent.managed.tables import TABLES
from tmon_agent.secrets import SecretsError
from tmon_agent.secrets_watch import LOOK_EVERY_S, SecretsWatch
from tmon_agent.service import ServiceError, Setting
from tmon_agent.snmp.engine import make_engine, teach
from tmon_agent.snmp.identity import identity_of
from tmon_agent.snmp.port import listen, port_of
from tmon_agent.snmp.responder import Responder
from tmon_agent.snmp.system import System
from tmon_agent.snmp.tree import Tree, instances, objects
from tmon_agent.view import View

log = logging.getLogger(__name__)

FRESH_S = 1.0
"""A tree serves all requests that come within this time: a walk is many of them."""
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


class Reading:
    """The tree of what a view shows, made anew when it is asked for after FRESH_S."""

    def __init__(self, view: View, system: System, now_s: Callable[[], float] = time.monotonic) -> None:
        self._view, self._system, self._now_s = view, system, now_s
        self._objects = objects(TABLES)
        self._tree, self._until_s = Tree(()), now_s()

    def tree(self) -> Tree:
        now_s = self._now_s()
        if now_s >= self._until_s:
            own = list(self._system.instances(self._view.program()))
            self._tree = Tree([*own, *instances(self._view.tables())], [*self._objects, *(i[0][:-1] for i in own)])
            self._until_s = self._now_s() + FRESH_S
        return self._tree
