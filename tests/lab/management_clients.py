"""NTP and SNMP: what manages a network."""

import re

from tests.lab.operations import Actor, Operation
from tests.lab.servers import SNMP_AUTH, SNMP_PRIVACY, SNMP_USER

NTP_PORT, SNMP_PORT = 123, 161
_SNTP = re.compile(r"\(\+\d+\) ([+-][\d.]+) \+/- ([\d.]+) \S+ s(\d+)")
_CHRONY = re.compile(r"System clock wrong by (-?[\d.]+) seconds")
_V3 = ["-v3", "-l", "authPriv", "-u", SNMP_USER, "-a", "SHA", "-A", SNMP_AUTH, "-x", "AES", "-X", SNMP_PRIVACY]
VERSIONS = {"v2c": ["-v2c", "-c", "public"], "v3": _V3, "wrong": ["-v2c", "-c", "nobody-knows"]}


def ntpdig(actor: Actor, server: str) -> Operation:
    """One SNTP exchange."""
    outcome = actor.run(["ntpdig", "-t", "2", server])
    match = _SNTP.search(outcome.stdout)
    facts = {"offset_s": float(match[1]), "error_bound_s": float(match[2]), "stratum": int(match[3])} if match else {}
    return _ntp(actor, server, outcome, bool(match), facts)


def chronyd_query(actor: Actor, server: str, samples: int = 4) -> Operation:
    """Several NTP exchanges in a burst; the clock is left alone (-Q -x)."""
    settings = ["port 0", "cmdport 0", "bindcmdaddress /", "pidfile chronyd.pid", "user root"]
    asked = f"server {server} iburst maxsamples {samples}"
    outcome = actor.run(["chronyd", "-Q", "-x", "-t", "12", asked, *settings])
    match = _CHRONY.search(outcome.stderr)
    return _ntp(actor, server, outcome, bool(match), {"offset_s": float(match[1])} if match else {})


def snmp(actor: Actor, program: str, server: str, *oids: str, version: str = "v2c") -> Operation:
    """snmpget, snmpwalk or snmpbulkwalk; version v2c, v3 (authenticated and encrypted) or wrong (no such community)."""
    agent = f"udp6:[{server}]" if ":" in server else server
    outcome = actor.run([program, *VERSIONS[version], "-t", "1", "-r", "1", "-Oqn", agent, *oids])
    lines = [line for line in outcome.stdout.splitlines() if line.startswith(".1.")]
    return actor.operation(
        "snmp",
        outcome,
        protocol="snmp",
        dst_addr=server,
        dst_port=SNMP_PORT,
        result="no_answer" if "No Response" in outcome.stderr or "Timeout" in outcome.stderr else None,
        facts={"version": version, "oids": list(oids), "values": len(lines)},
    )


def _ntp(actor: Actor, server: str, outcome, answered: bool, facts: dict) -> Operation:
    result = "ok" if answered else "no_answer"
    return actor.operation("ntp", outcome, protocol="ntp", dst_addr=server, dst_port=NTP_PORT, result=result, facts=facts)
