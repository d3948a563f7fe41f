"""An engine of SNMP with its port, without a socket: datagrams are put in, answers fall out."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.oracles import net_snmp
from tests.unit.agent.programs import probe_source, view_of
from tests.unit.agent.snmp_serving import monitoring
from tmon_agent.secrets import secrets_of
from tmon_agent.snmp.engine import make_engine
from tmon_agent.snmp.identity import EngineIdentity
from tmon_agent.snmp.port import PortV4
from tmon_agent.snmp.reading import Reading
from tmon_agent.snmp.responder import Responder
from tmon_agent.snmp.system import System

ENGINE = bytes.fromhex("80001f88050102030405")


class Here:
    """Of a probe; directory: for its secrets. It stands for the dispatcher of pysnmp, too."""

    def __init__(self, directory: Path, source=None) -> None:
        made = monitoring(directory)
        self.engine = make_engine(EngineIdentity(ENGINE, 5, time.monotonic()), made.users, secrets_of(made))
        Responder(self.engine, Reading(view_of(source or probe_source()), System(self.engine, "probe", "edge")).tree)
        self.port, self.answers = PortV4(self.engine, loop=object()), []
        self.port._callback_function = self._receive
        self.engine.transport_dispatcher = self

    def ask(self, datagram: bytes, address=("127.0.0.1", 5000)) -> list[bytes]:
        self.answers.clear()
        self.port.datagram_received(datagram, address)
        return list(self.answers)

    def _receive(self, _port, address, datagram) -> None:
        self.engine.message_dispatcher.receive_message(self.engine, PortV4.DOMAIN, address, datagram)

    def send_message(self, message, _domain, _address) -> None:
        self.answers.append(message)

    def get_timer_ticks(self) -> int:
        return 0

    def get_timer_resolution(self) -> float:
        return 1.0


def dialogue(here: Here, program: str, options: Sequence[str], *asked: str) -> tuple[str, list[bytes], list[bytes]]:
    """What a program of net-snmp says, every datagram that it sent, from discovery to the request itself, and every answer."""
    sent, answers = [], []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.settimeout(0.05)
        asking = subprocess.Popen([program, *options, "-Oqv", f"127.0.0.1:{own.getsockname()[1]}", *asked],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=net_snmp.environment())
        while asking.poll() is None:
            try:
                datagram, address = own.recvfrom(65536)
            except TimeoutError:
                continue
            sent.append(datagram)
            for answer in here.ask(datagram, address):
                answers.append(answer)
                own.sendto(answer, address)
        return asking.communicate()[0], sent, answers
