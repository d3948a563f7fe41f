"""<monitoring> and <agent>: who may ask the programs how they are, who is told, and where each of them answers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from tmon_common.config.model import SECOND, Agent, Monitoring
from tmon_common.config.monitoring_model import Manager, SnmpUser
from tmon_common.config.node import Node, check_unique
from tmon_common.config.quantities import (
    parse_duration,
    parse_free_port,
    parse_listen_address,
    parse_name,
    parse_number,
    parse_port,
)
from tmon_common.config.structure import nearest
from tmon_common.events.declaration import Severity

MAX_USERS = 64
MAX_USER_OCTETS = 32
"""Of a name: usmUserName, RFC 3414 section 5."""
MAX_MANAGERS = 32
MAX_RETRIES = 255
LEAST_TIMEOUT_NS, MAX_TIMEOUT_NS = SECOND // 10, 300 * SECOND


def read_monitoring(root: Node) -> Monitoring:
    """What the element says; without it nobody is told, and only what needs no user answers."""
    node = root.child("monitoring")
    if node is None:
        return Monitoring(secrets=root.resolve(str(Monitoring().secrets)))
    communities, users, managers = (node.children(tag) for tag in ("community", "user", "manager"))
    check_unique([*communities, *users], "<monitoring>")
    check_unique(managers, "<monitoring>")
    for nodes, limit in ((users, MAX_USERS), (communities, MAX_USERS), (managers, MAX_MANAGERS)):
        for surplus in nodes[limit:][:1]:
            surplus.problem(f"{len(nodes)} <{surplus.tag}>; expected at most {limit}")
    names = {"2c": [c.name() for c in communities], "3": [u.name(_user_name) for u in users]}
    return Monitoring(
        secrets=node.path("secrets"),
        communities=tuple(names["2c"]),
        users=tuple(SnmpUser(u.text("name") or "", u.text("auth") or "", u.text("priv") or "") for u in users),
        managers=tuple(_manager(m, names) for m in managers),
    )


def read_agent(node: Node) -> Agent | None:
    """Of a probe or collector; None: it has none."""
    agent = node.child("agent")
    if agent is None:
        return None
    found = Agent(
        address=agent.value("address", parse_listen_address),
        snmp_port=agent.value("snmp_port", parse_free_port),
        agentx=agent.value("agentx", parse_master) or "",
        metrics_port=agent.value("metrics_port", parse_free_port),
    )
    if not any(agent.given(a) for a in ("snmp_port", "agentx", "metrics_port")):
        agent.problem("it answers nowhere; expected snmp_port, metrics_port or agentx")
    return found


def check_agents(nodes: Sequence[Node], monitoring: Monitoring) -> None:
    """nodes: probes and collectors. An SNMP agent whom nobody may ask is a mistake."""
    for agent in (a for n in nodes for a in n.children("agent")):
        if agent.given("snmp_port") and not (monitoring.users or monitoring.communities):
            agent.problem("nobody may ask it by SNMP: expected a <user> or <community> in <monitoring>", "snmp_port")


def parse_master(text: str) -> str:
    """Where a master agent listens for its sub-agents."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})", text)
    try:
        if text.startswith("/"):
            return text
        ipaddress.ip_address(match[1] or match[2])
        parse_port(match[3])
    except (ValueError, TypeError):
        raise ValueError("expected the path of a socket (/var/agentx/master), or ADDRESS:PORT") from None
    return text


def _manager(node: Node, names: dict[str, list[str]]) -> Manager:
    version, security = node.text("version") or "3", node.text("security") or ""
    if node.given("security") and security not in names[version]:
        what = "user" if version == "3" else "community"
        node.problem(f'security="{security}": version {version} wants a <{what}>{nearest(security, names[version])}', "security")
    return Manager(
        name=node.name(),
        address=node.value("address", _address) or "",
        port=node.value("port", parse_port),
        version=version,
        security=security,
        notify=node.text("notify") or "inform",
        severity=Severity(node.text("severity") or "warning"),
        timeout_ns=node.value("timeout", parse_duration, LEAST_TIMEOUT_NS, MAX_TIMEOUT_NS),
        retries=node.value("retries", parse_number, 0, MAX_RETRIES),
    )


def _user_name(text: str) -> str:
    if len(text.encode()) > MAX_USER_OCTETS:
        raise ValueError(f"a name of {len(text.encode())} octets; SNMP knows users of at most {MAX_USER_OCTETS}")
    return parse_name(text)


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("expected an address (names would have to be looked up in the middle of trouble)") from None
