"""FTP (RFC 959, RFC 2428) with three clients: curl, lftp and tnftp."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab.operations import Actor, Operation, Outcome

FTP_PORT = 21
PASSWORD = "guest@lab.example"
MODES = {
    "EPSV": [],
    "PASV": ["--disable-epsv"],
    "EPRT": ["--ftp-port", "-"],
    "PORT": ["--ftp-port", "-", "--disable-eprt"],
}
"""How each way to open a data connection is asked of curl."""

_SPOKEN = {
    "curl": re.compile(r"^([<>]) (.+?)\s*$", re.MULTILINE),
    "lftp": re.compile(r"^(<---|--->) (.+?)\s*$", re.MULTILINE),
    "tnftp": re.compile(r"^(--->(?= )|(?=\d{3}[ -])) ?(.+?)\s*$", re.MULTILINE),
}
_DATA_PORT = (
    (re.compile(r"< 229 .*\(\|\|\|(\d+)\|\)"), "EPSV"),
    (re.compile(r"< 227 .*\(\d+,\d+,\d+,\d+,(\d+),(\d+)\)"), "PASV"),
    (re.compile(r"> EPRT \|\d\|[^|]+\|(\d+)\|"), "EPRT"),
    (re.compile(r"> PORT \d+,\d+,\d+,\d+,(\d+),(\d+)"), "PORT"),
)


def curl_ftp(
    actor: Actor,
    kind: str,
    path: str,
    *,
    server: str,
    mode: str = "EPSV",
    upload: str | None = None,
    resume_from: int | None = None,
    options: tuple[str, ...] = (),
    user: str = "anonymous",
    password: str = PASSWORD,
    local: str = "received",
) -> Operation:
    """One session with one transfer: path "pub/x" gets, "pub/" lists, `upload` (a file received before) puts."""
    host = f"[{server}]" if ":" in server else server
    what = ["--upload-file", upload] if upload else ["--output", local]
    argv = ["curl", "-sSv", "--write-out", "%{json}", "--user", f"{user}:{password}", *MODES[mode], *what, *options]
    if resume_from is not None:
        argv += ["--continue-at", str(resume_from)]
    outcome = actor.run([*argv, f"ftp://{host}/{path}"])
    counted = json.loads(outcome.stdout or "{}")
    facts = _facts("curl", outcome.stderr) | {
        "src_port": counted.get("local_port") or None,
        "resume_offset": resume_from,
        "file": None if path.endswith("/") else path,
        "octets": (counted.get("size_upload") if upload else counted.get("size_download")) or 0,
        "reply": counted.get("response_code"),
        "error": counted.get("errormsg"),
    }
    return actor.operation(kind, outcome, protocol="ftp", dst_addr=server, dst_port=FTP_PORT, facts=facts)


def curl_killed(
    actor: Actor, path: str, *, server: str, when: Callable[[], bool], upload: str | None = None, local: str = "received"
) -> Operation:
    """A transfer whose client is killed (SIGKILL) as soon as `when` says so; passive mode (EPSV). octets: of the file received.

    An upload is slow, else all of it is in the client's kernel at once.
    """
    host = f"[{server}]" if ":" in server else server
    what = ["--limit-rate", "200k", "--upload-file", upload] if upload else ["--output", local]
    argv = ["curl", "-sSv", "--user", f"anonymous:{PASSWORD}", *what, f"ftp://{host}/{path}"]
    outcome = actor.run(argv, interrupt_when=when, interrupt_by=signal.SIGKILL)
    operation = _aborted(actor, "curl", server, path, outcome, actor.work / local)
    if upload:
        del operation.facts["octets"]
    return operation


def lftp_session(actor: Actor, server: str, *, mode: str = "PASV", files: tuple[str, ...] = ()) -> Operation:
    """A listing and several transfers over one control connection."""
    gets = "".join(f"get {name} -o session_{name}; " for name in files)
    outcome = actor.run(_lftp(server, mode, f"cd pub; cls -l; {gets}"))
    facts = _facts("lftp", outcome.stderr) | {
        "files": [f"pub/{name}" for name in files],
        "octets": sum(_octets(actor.work / f"session_{name}") for name in files),
    }
    return actor.operation("ftp_session", outcome, protocol="ftp", dst_addr=server, dst_port=FTP_PORT, facts=facts)


def lftp_killed(actor: Actor, server: str, path: str, *, after_octets: int, by: signal.Signals = signal.SIGINT) -> Operation:
    """A transfer whose client is interrupted and just goes away."""
    local = actor.work / "killed"
    local.unlink(missing_ok=True)
    outcome = actor.run(
        _lftp(server, "PASV", f"get {path} -o killed; "),
        interrupt_when=lambda: _octets(local) >= after_octets,
        interrupt_by=by,
    )
    return _aborted(actor, "lftp", server, path, outcome, local)


def lftp_get(actor: Actor, server: str, path: str, *, mode: str = "PASV", resume: bool = False) -> Operation:
    """One transfer. `resume`: of what `lftp_killed` left."""
    local = actor.work / ("killed" if resume else "got")
    before = _octets(local) if resume else 0
    outcome = actor.run(_lftp(server, mode, f"get {'-c ' if resume else ''}{path} -o {local.name}; "))
    facts = _facts("lftp", outcome.stderr) | {"file": path, "octets": _octets(local) - before, "resume_offset": before or None}
    facts["reply"] = (facts["replies"] or [None])[-1]
    return actor.operation("ftp_get", outcome, protocol="ftp", dst_addr=server, dst_port=FTP_PORT, facts=facts)


def tnftp_abort(actor: Actor, server: str, path: str, *, after_octets: int, active: bool = False) -> Operation:
    """A transfer ended in good order: Telnet interrupt, ABOR, and the session goes on."""
    local = actor.work / "stopped"
    local.unlink(missing_ok=True)
    dialogue = f"user anonymous {PASSWORD}\nbinary\nget {path} stopped\npwd\nquit\n"
    argv = ["tnftp", "-n", "-v", "-d", *(["-A"] if active else ["-p"]), server]
    outcome = actor.run(argv, feed=dialogue, interrupt_when=lambda: _octets(local) >= after_octets)
    return _aborted(actor, "tnftp", server, path, outcome, local)


def tnftp_session(actor: Actor, server: str, path: str) -> Operation:
    """Get, list and put in active mode, one control connection."""
    dialogue = f"user anonymous {PASSWORD}\nbinary\nget {path} again\nls\nput again incoming/{actor.lan.label}\nquit\n"
    outcome = actor.run(["tnftp", "-n", "-v", "-d", "-A", server], feed=dialogue)
    facts = _facts("tnftp", outcome.stdout) | {
        "files": [path, f"incoming/{actor.lan.label}"],
        "octets": 2 * _octets(actor.work / "again"),
    }
    return actor.operation("ftp_session", outcome, protocol="ftp", dst_addr=server, dst_port=FTP_PORT, facts=facts)


def _lftp(server: str, mode: str, work: str) -> list[str]:
    settings = {
        "ftp:ssl-allow": "no",
        "ftp:passive-mode": "on" if mode in ("PASV", "EPSV") else "off",
        "ftp:prefer-epsv": "yes" if mode == "EPSV" else "no",
        "xfer:clobber": "yes",
        "net:timeout": "10",
        "net:max-retries": "2",
    }
    setup = "".join(f"set {name} {value}; " for name, value in settings.items())
    return ["lftp", "-c", f"debug 9; {setup}open -u anonymous,{PASSWORD} {server}; {work}bye"]


def _aborted(actor: Actor, program: str, server: str, path: str, outcome: Outcome, local: Path) -> Operation:
    facts = _facts(program, outcome.stdout if program == "tnftp" else outcome.stderr)
    facts |= {"file": path, "octets": _octets(local)}
    return actor.operation("ftp_abort", outcome, protocol="ftp", dst_addr=server, dst_port=FTP_PORT, result="aborted", facts=facts)


def _facts(program: str, printed: str) -> dict[str, Any]:
    """The dialogue that a client printed ("> command", "< reply"), its reply codes and its data connections."""
    dialogue = [f"{'>' if mark in ('>', '--->') else '<'} {text}" for mark, text in _SPOKEN[program].findall(printed)]
    # Some clients print a reply twice; two equal replies in a row never happen in what we ask for.
    dialogue = [line for line, before in zip(dialogue, ["", *dialogue], strict=False) if line != before]
    data = []
    for line in dialogue:
        for pattern, mode in _DATA_PORT:
            if match := pattern.match(line):
                high_low = [int(text) for text in match.groups()]
                data.append({"mode": mode, "port": high_low[0] if len(high_low) == 1 else high_low[0] * 256 + high_low[1]})
    codes = [int(line[2:5]) for line in dialogue if re.match(r"< \d{3} ", line)]
    return {"data_connections": data, "replies": codes, "dialogue": dialogue}


def _octets(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
