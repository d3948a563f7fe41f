"""The SNMP service in an event loop of its own, with secrets for some users and communities."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from tests.oracles import net_snmp
from tests.unit.agent.programs import setting
from tmon_agent.service import Setting
from tmon_agent.snmp.service import SnmpService
from tmon_common.config.model import Configuration
from tmon_common.config.monitoring_model import Monitoring, SnmpUser

LIMIT_S = 30
LOOK_EVERY_S = 0.02
COMMUNITY = "a community of readers"
USERS = {"noc": SnmpUser("noc"), "md5": SnmpUser("md5", "md5", "des"), "sha1": SnmpUser("sha1", "sha1", "aes192"),
         "sha224": SnmpUser("sha224", "sha224", "aes256"), "sha384": SnmpUser("sha384", "sha384", "aes128"),
         "sha512": SnmpUser("sha512", "sha512", "aes256")}
_THEIR_NAMES = {"md5": "MD5", "sha1": "SHA", "sha224": "SHA-224", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512",
                "des": "DES", "aes128": "AES", "aes192": "AES-192", "aes256": "AES-256"}
V2C = [*net_snmp.V2C, COMMUNITY]


def v3(name: str = "noc", **others: str) -> list[str]:
    """Options for one of the users. others: in place of what would be right."""
    user = USERS[name]
    right = {"user": name, "auth": _THEIR_NAMES[user.auth], "auth_passphrase": f"auth of {name} ...",
             "priv": _THEIR_NAMES[user.priv], "priv_passphrase": f"priv of {name} ..."}
    return net_snmp.v3(**(right | others))


def monitoring(directory: Path) -> Monitoring:
    """With its file of secrets."""
    path = directory / "snmp.secrets"
    path.write_text(f"community readers '{COMMUNITY}'\ncommunity others other-string\n"
                    + "".join(f"user {name} 'auth of {name} ...' 'priv of {name} ...'\n" for name in USERS))
    path.chmod(0o600)
    return Monitoring(path, ("readers", "others"), tuple(USERS.values()))


def snmp_setting(directory: Path, kind: str = "probe", **agent) -> Setting:
    made = setting(kind, **({"snmp_port": 0} | agent))
    return replace(made, configuration=Configuration(path=directory / "tmon.xml", probes=(), collectors=(),
                                                     monitoring=monitoring(directory)))


@contextmanager
def serving(made: Setting, view) -> Iterator[SnmpService]:
    """Until the block ends; `port` of the service is where it listens."""
    started, holder = threading.Event(), {}

    async def main() -> None:
        service = SnmpService(made, LOOK_EVERY_S)
        task = asyncio.create_task(service.run(view))
        holder.update(loop=asyncio.get_running_loop(), task=task, service=service)
        while not (task.done() or service.port):
            await asyncio.sleep(0)
        started.set()
        with suppress(asyncio.CancelledError):
            await task

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert started.wait(LIMIT_S)
    try:
        yield holder["service"]
    finally:
        holder["loop"].call_soon_threadsafe(holder["task"].cancel)
        thread.join(LIMIT_S)
        assert not thread.is_alive()
