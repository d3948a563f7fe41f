"""The SNMP port under datagrams that are almost right, and from everywhere: it answers as before, and keeps nothing of them."""

import gc
import random
import socket
import subprocess

import pytest
from pyasn1.codec.ber import encoder
from pysnmp.proto import rfc1905
from pysnmp.proto.api import v2c
from pysnmp.proto.mpmod.rfc3412 import HeaderData, ScopedPDU, SNMPv3Message
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters

from tests.oracles import net_snmp
from tests.unit.agent.programs import probe_source, view_of
from tests.unit.agent.snmp_serving import USERS, V2C, monitoring, v3
from tmon_agent.secrets import secrets_of
from tmon_agent.snmp.engine import make_engine
from tmon_agent.snmp.identity import EngineIdentity
from tmon_agent.snmp.port import FORGET_EVERY, PortV4
from tmon_agent.snmp.responder import Responder
from tmon_agent.snmp.service import Reading
from tmon_agent.snmp.system import System

DATAGRAMS = 2000
ENGINE = bytes.fromhex("80001f88050102030405")
NAME = 'trafMonProbePackets."edge"'


class Here:
    """An engine with its port, without a socket: datagrams are put in, answers fall out."""

    def __init__(self, directory) -> None:
        made = monitoring(directory)
        self.engine = make_engine(EngineIdentity(ENGINE, 5, 0), made.users, secrets_of(made))
        Responder(self.engine, Reading(view_of(probe_source()), System(self.engine, "probe", "edge")).tree)
        self.port, self.answers = PortV4(self.engine), []
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


@pytest.fixture
def loop_free(monkeypatch):
    """The transport of pysnmp wants an event loop to be there; none is used."""
    monkeypatch.setattr("pysnmp.carrier.asyncio.dgram.base.asyncio.get_event_loop", lambda: None)


def dialogue(here: Here, *arguments: str) -> tuple[str, list[bytes]]:
    """What a program of net-snmp says, and every datagram it sent, from discovery to the request itself."""
    sent = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.settimeout(0.05)
        asking = subprocess.Popen([arguments[0], *arguments[1:], f"127.0.0.1:{own.getsockname()[1]}", NAME, "-Oqv"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=net_snmp.environment())
        while asking.poll() is None:
            try:
                datagram, address = own.recvfrom(65536)
            except TimeoutError:
                continue
            sent.append(datagram)
            for answer in here.ask(datagram, address):
                own.sendto(answer, address)
        return asking.communicate()[0], sent


def mutated(datagrams: list[bytes], rng: random.Random) -> bytes:
    """Octets changed, cut out, doubled, put in; two datagrams spliced; sometimes nothing of sense."""
    if rng.random() < 0.02:
        return rng.randbytes(rng.randrange(200))
    octets = bytearray(rng.choice(datagrams))
    if rng.random() < 0.2:
        other, cut = rng.choice(datagrams), rng.randrange(len(octets))
        octets[cut:] = other[min(cut, len(other)):]
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(octets)) if octets else 0
        match rng.randrange(5):
            case 0:
                octets[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del octets[at : at + rng.randrange(1, 9)]
            case 2:
                octets[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 3:
                octets[at : at + 1] = rng.choice([b"\0", b"\x7f", b"\x80", b"\xff", b"\x84", b"\x30"])
            case _:
                octets[at:at] = octets[at : at + rng.randrange(1, 40)]
    return bytes(octets)


@pytest.mark.oracle
@pytest.mark.skipif(not net_snmp.AVAILABLE, reason=net_snmp.WHY_NOT)
def test_hostile_datagrams(tmp_path, loop_free):
    """Requests of net-snmp in every version, mutated: no exception comes out, answers are short, and who is in the right is
    answered afterwards as before."""
    here = Here(tmp_path)
    requests = []
    for credentials in (V2C, *(v3(name) for name in USERS)):
        told, sent = dialogue(here, "snmpbulkget", *credentials)
        assert told, told
        requests += sent
    rng = random.Random(8)
    answered = 0
    for _ in range(DATAGRAMS):
        answers = here.ask(mutated(requests, rng))
        assert len(answers) <= 1
        assert all(len(a) < 2000 for a in answers)
        answered += len(answers)
    assert answered > DATAGRAMS / 50
    for credentials in (V2C, v3()):
        told, _ = dialogue(here, "snmpget", *credentials)
        assert told == "21000\n"


def secret_for_nobody(user: bytes = b"noc") -> bytes:
    """An encrypted message of version 3 without an engine: pysnmp begins to work on it, and gives up without letting go."""
    return message(3, b"", user, "encryptedPDU", b"nothing of sense .......")


def report_of_nobody() -> bytes:
    """A report without a user, of an engine that it names: who sends it is remembered for minutes."""
    scoped = ScopedPDU()
    scoped["contextEngineId"], scoped["contextName"] = ENGINE, b""
    pdu = rfc1905.ReportPDU()
    v2c.apiPDU.set_defaults(pdu)
    scoped["data"]["report"] = pdu
    return message(0, ENGINE, b"", "plaintext", scoped)


def message(flags: int, engine: bytes, user: bytes, kind: str, content: object) -> bytes:
    whole, header, security = SNMPv3Message(), HeaderData(), UsmSecurityParameters()
    header["msgID"], header["msgMaxSize"], header["msgFlags"], header["msgSecurityModel"] = 7, 65507, bytes([flags]), 3
    for name, value in zip(security, (engine, 1, 1, user, bytes(24) if flags else b"", bytes(8) if flags else b""), strict=True):
        security[name] = value
    whole["msgVersion"], whole["msgGlobalData"], whole["msgSecurityParameters"] = 3, header, encoder.encode(security)
    whole["msgData"][kind] = content
    return encoder.encode(whole)


@pytest.mark.parametrize("hostile", [secret_for_nobody, report_of_nobody])
def test_what_is_refused_half_way_is_forgotten(tmp_path, loop_free, hostile):
    """Hundreds of them, each from another address: there are no more objects than before."""
    here, datagram = Here(tmp_path), hostile()
    kept = []
    for turn in range(2):
        for n in range(2 * FORGET_EVERY):
            here.ask(datagram, (f"192.0.{turn}.{n % 256}", 1 + n))
        gc.collect()
        kept.append(len(gc.get_objects()))
    assert kept[1] - kept[0] < FORGET_EVERY
