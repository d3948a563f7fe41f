"""net-snmp's programs and libsmi's smilint, with TRAFMON-MIB and what it imports; settings of the user or host are not read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
MIB = ROOT / "mibs" / "TRAFMON-MIB.txt"
_MIB_FOLDERS = (ROOT / "tests" / "mibs", ROOT / "mibs", Path("/usr/share/snmp/mibs"))
LIMIT_S = 60

AVAILABLE = shutil.which("snmpget") is not None
WHY_NOT = "net-snmp's programs are not installed (apt-get install snmp)"
LINT_AVAILABLE = AVAILABLE and shutil.which("smilint") is not None
WHY_NO_LINT = "smilint, or what net-snmp brings, is not installed (apt-get install smitools snmp)"

V2C = ("-v", "2c", "-c")


def v3(user: str, auth: str, auth_passphrase: str, priv: str, priv_passphrase: str, level: str = "authPriv") -> list[str]:
    """Options for a user. auth, priv: as net-snmp calls them (SHA-256, AES-192)."""
    return ["-v", "3", "-l", level, "-u", user, "-a", auth, "-A", auth_passphrase, "-x", priv, "-X", priv_passphrase]


def environment() -> dict[str, str]:
    return os.environ | {"MIBDIRS": ":".join(map(str, _MIB_FOLDERS)), "MIBS": "TRAFMON-MIB", "SNMPCONFPATH": "/proc/none",
                         "SNMP_PERSISTENT_DIR": "/proc/none"}


def run(program: str, *arguments: str, limit_s: float = LIMIT_S) -> subprocess.CompletedProcess[str]:
    """What it says, and how it ends."""
    return subprocess.run([program, *arguments], capture_output=True, text=True, env=environment(), check=False, timeout=limit_s)


def values(program: str, credentials: Sequence[str], port: int, *asked: str, options: Sequence[str] = ()) -> dict[str, str]:
    """Of snmpget, snmpwalk, snmpbulkwalk ...: value as a bare text, by name ('trafMonProbePackets."edge"'). What there is not is
    not there. AssertionError if the program fails."""
    done = run(program, *credentials, "-r", "1", "-t", "10", "-OsQU", *options, f"127.0.0.1:{port}", *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for line in done.stdout.splitlines():
        name, equals, value = line.partition(" = ")
        if equals and not value.startswith("No "):
            found[name] = value.strip('"')
    return found


def lint(path: Path, directory: Path) -> str:
    """What smilint has to say about a module at its highest level; what it imports is not meant. directory: for its settings."""
    settings = directory / "smi.conf"
    settings.write_text(f"path {':'.join(map(str, _MIB_FOLDERS))}\n")
    done = run("smilint", "-c", str(settings), "-s", "-l", "6", str(path))
    return done.stdout + done.stderr
