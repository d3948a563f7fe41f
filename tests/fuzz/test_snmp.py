"""The SNMP port under datagrams that are almost right, and from everywhere: it answers as before, and keeps nothing of them."""

import gc
import random

import pytest
from pyasn1.codec.ber import encoder
from pysnmp.proto import rfc1905
from pysnmp.proto.api import v2c
from pysnmp.proto.mpmod.rfc3412 import HeaderData, ScopedPDU, SNMPv3Message
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters

from tests.oracles import net_snmp
from tests.unit.agent.snmp_here import ENGINE, Here, dialogue
from tests.unit.agent.snmp_serving import USERS, V2C, v3
from tmon_agent.snmp.port import FORGET_EVERY

DATAGRAMS = 2000
NAME = 'trafMonProbePackets."edge"'


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
def test_hostile_datagrams(tmp_path):
    """Requests of net-snmp in every version, mutated: no exception comes out, answers are short, and who is in the right is
    answered afterwards as before."""
    here = Here(tmp_path)
    requests = []
    for credentials in (V2C, *(v3(name) for name in USERS)):
        told, sent, _ = dialogue(here, "snmpbulkget", credentials, NAME)
        assert "Timeout" not in told
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
        told, _, _ = dialogue(here, "snmpget", credentials, NAME)
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
def test_what_is_refused_half_way_is_forgotten(tmp_path, hostile):
    """Hundreds of them, each from another address: there are no more objects than before."""
    here, datagram = Here(tmp_path), hostile()
    kept = []
    for turn in range(2):
        for n in range(2 * FORGET_EVERY):
            here.ask(datagram, (f"192.0.{turn}.{n % 256}", 1 + n))
        gc.collect()
        kept.append(len(gc.get_objects()))
    assert kept[1] - kept[0] < FORGET_EVERY
