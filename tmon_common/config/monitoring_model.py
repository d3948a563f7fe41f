"""What the configuration says of how the programs are monitored, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tmon_common.events.declaration import Severity

AUTHENTICATIONS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
"""RFC 3414 sections 6 and 7, RFC 7860."""
PRIVACIES = ("des", "aes128", "aes192", "aes256")
"""RFC 3414 section 8, RFC 3826; 192 and 256 as net-snmp and others do them (draft-blumenthal-aes-usm-04)."""


@dataclass(frozen=True)
class Agent:
    """Where a program answers. address: to bind to; a port that is None is not opened, an `agentx` that is "" not connected to.

    agentx      master agent: path of its socket, or "HOST:PORT"
    """

    address: str = "127.0.0.1"
    snmp_port: int | None = None
    agentx: str = ""
    metrics_port: int | None = None


@dataclass(frozen=True)
class SnmpUser:
    """Of SNMPv3; authPriv, always. Its passphrases are in the file of secrets."""

    name: str
    auth: str = "sha256"
    priv: str = "aes128"


@dataclass(frozen=True)
class Manager:
    """Who is told of events. security: name of a user (version "3") or of a community ("2c"); notify: "trap" or "inform".

    severity    the least that is told
    """

    name: str
    address: str
    port: int = 162
    version: str = "3"
    security: str = ""
    notify: str = "inform"
    severity: Severity = Severity.WARNING
    timeout_ns: int = 2_000_000_000
    retries: int = 5


@dataclass(frozen=True)
class Monitoring:
    """communities: names under which the file of secrets has community strings; who knows one may read (v2c)."""

    secrets: Path = Path("snmp.secrets")
    communities: tuple[str, ...] = ()
    users: tuple[SnmpUser, ...] = ()
    managers: tuple[Manager, ...] = ()
