"""Engines through which managers are told."""

import asyncio

import pytest

from tmon_agent.notify import service
from tmon_agent.secrets import Passphrases, Secrets
from tmon_agent.snmp.identity import EngineIdentity
from tmon_common.config.monitoring_model import Manager, Monitoring, SnmpUser

MONITORING = Monitoring(communities=("a", "b"), users=tuple(SnmpUser(f"user{n}") for n in range(64)))
SECRETS = Secrets({"a": "string of a", "b": "string of b"},
                  {u.name: Passphrases(f"auth of {u.name}", f"priv of {u.name}") for u in MONITORING.users})


@pytest.mark.parametrize(("version", "security", "users", "communities"), [("3", "user7", ["user7"], []), ("2c", "b", [], ["b"])])
def test_an_engine_knows_whom_its_manager_is_told_as(monkeypatch, version, security, users, communities):
    """And nobody else: 64 users for each of 32 managers would keep an agent from answering for more than a minute."""
    taught = {}
    make = service.make_engine

    def made(identity, users, secrets):
        taught.update(users=[u.name for u in users], communities=list(secrets.communities))
        return make(identity, users, secrets)

    async def engine():
        return service.engine_for(Manager("m", "192.0.2.1", 162, version, security), EngineIdentity(bytes(9), 5, 0.0), MONITORING,
                                  SECRETS)

    monkeypatch.setattr(service, "make_engine", made)
    assert asyncio.run(engine())
    assert taught == {"users": users, "communities": communities}
