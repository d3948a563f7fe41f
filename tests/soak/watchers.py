"""Who watches the programs at work: the page for Prometheus and SNMP of every agent, asked again and again by other programs.

A manager that nobody answers for is told of every event, too: informs to it are repeated, and given up.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.linkemu import Namespace
from tests.pipeline.probe_process import ROOT, START_LIMIT_S
from tests.soak.traffic.work import ANSWER_WITHIN_S, opened

METRICS_PORT, SNMP_PORT, MANAGER_PORT = 9_778, 1_161, 1_162
"""Each agent has a network namespace to itself."""
COMMUNITY, USER = "readers", "noc"
SCRAPE_EVERY_S, WALK_EVERY_S, LOOK_EVERY_S = 2.0, 6.0, 0.1
ROOT_OBJECT = "1.3.6.1.4.1.8072.9999.9999.7266"
AGENT = f'<agent snmp_port="{SNMP_PORT}" metrics_port="{METRICS_PORT}"/>'
MONITORING = f"""<monitoring secrets="snmp.secrets">
    <community name="{COMMUNITY}"/>
    <user name="{USER}" auth="sha256" priv="aes128"/>
    <manager name="nobody" address="127.0.0.1" port="{MANAGER_PORT}" security="{USER}" severity="info" timeout="500ms" retries="2"/>
  </monitoring>"""
LEAST_OBJECTS = 10
_PAGE_OCTETS = 1 << 16


@dataclass
class Watched:
    """How often all that was asked was answered, by (program, how); and the last page of each."""

    answered: dict[tuple[str, str], int]
    pages: dict[str, str]

    def value(self, program: str, metric: str) -> float:
        """Sum over all labels."""
        return sum(sample.value for family in text_string_to_metric_families(self.pages[program]) for sample in family.samples
                   if sample.name == metric)


class Watchers:
    """agents: by program, where it answers. secrets: of the file that the agents have."""

    def __init__(self, agents: dict[str, Namespace], secrets: str) -> None:
        words = [line.split() for line in secrets.splitlines() if line.strip() and not line.startswith("#")]
        self._community = next(w[2] for w in words if w[:2] == ["community", COMMUNITY])
        self._passphrases = next(w[2:4] for w in words if w[:2] == ["user", USER])
        self._agents = agents
        self.watched = Watched({(name, how): 0 for name in agents for how in ("metrics", "v2c", "v3")}, {})

    async def run(self) -> None:
        """Until it is cancelled. ConnectionError if an agent does not answer."""
        async with asyncio.TaskGroup() as group:
            for name, host in self._agents.items():
                group.create_task(self._scrape_often(name, host))
                group.create_task(self._walk_often(name, host))

    async def scrape(self, name: str) -> None:
        """Its page, now."""
        async with asyncio.timeout(ANSWER_WITHIN_S):
            page = await _get(self._agents[name], METRICS_PORT)
        self.watched.pages[name] = page
        self.watched.answered[name, "metrics"] += 1

    async def _scrape_often(self, name: str, host: Namespace) -> None:
        await _until_listening(host, METRICS_PORT)
        while True:
            await self.scrape(name)
            await asyncio.sleep(SCRAPE_EVERY_S)

    async def _walk_often(self, name: str, host: Namespace) -> None:
        authentication, privacy = self._passphrases
        ways = {"v2c": ["-v2c", "-c", self._community],
                "v3": ["-v3", "-l", "authPriv", "-u", USER, "-a", "SHA-256", "-A", authentication, "-x", "AES", "-X", privacy]}
        await _until_listening(host, METRICS_PORT)
        while True:
            for how, arguments in ways.items():
                await asyncio.sleep(WALK_EVERY_S / len(ways))
                argv = host.command(["snmpbulkwalk", *arguments, "-t", "5", "-On", f"127.0.0.1:{SNMP_PORT}", ROOT_OBJECT])
                status, told = await _run(argv)
                if status or told.count("\n") < LEAST_OBJECTS:
                    raise ConnectionError(f"snmpbulkwalk {how} of {name} ended with {status}: {told[-300:]}")
                self.watched.answered[name, how] += 1


def make_secrets(configuration) -> None:
    """The file that agents and watchers have, by the program that makes it."""
    subprocess.run([sys.executable, "-m", "trafmon", "snmp-secrets", "-c", str(configuration)], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)


async def _run(argv: list[str]) -> tuple[int, str]:
    """(exit status, what it told). It does not live longer than this task."""
    program = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        told, _ = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    return program.returncode, told.decode(errors="replace")


async def _until_listening(host: Namespace, port: int) -> None:
    """An agent needs a moment after its program. TimeoutError if it does not come."""
    async with asyncio.timeout(START_LIMIT_S):
        while True:
            with opened(host, socket.AF_INET, socket.SOCK_STREAM) as client, suppress(ConnectionRefusedError):
                await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
                return
            await asyncio.sleep(LOOK_EVERY_S)


async def _get(host: Namespace, port: int) -> str:
    loop = asyncio.get_running_loop()
    with opened(host, socket.AF_INET, socket.SOCK_STREAM) as client:
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, b"GET /metrics HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")
        found = b""
        while more := await loop.sock_recv(client, _PAGE_OCTETS):
            found += more
    head, _, page = found.partition(b"\r\n\r\n")
    if b" 200 " not in head.splitlines()[0]:
        raise ConnectionError(f"the page for Prometheus: {head.decode(errors='replace')}")
    return page.decode()
