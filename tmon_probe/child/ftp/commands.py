"""Commands of the client: RFC 959 section 5.3, RFC 1639, 2228, 2389, 2428, 3659, 7151."""

from __future__ import annotations

from typing import NamedTuple

from tmon_probe.child.ftp.text import text_of

RETRIEVALS = frozenset({"RETR"})
STORES = frozenset({"STOR", "STOU", "APPE"})
LISTINGS = frozenset({"LIST", "NLST", "MLSD"})
TRANSFERS = RETRIEVALS | STORES | LISTINGS
PASSIVE = {"PASV": "passive", "EPSV": "extended_passive", "LPSV": "long_passive"}
ACTIVE = {"PORT": "active", "EPRT": "extended_active", "LPRT": "long_active"}
LOGINS = frozenset({"USER", "PASS", "ACCT"})
"""Those whose reply may say that the user is in."""
WITH_ARGUMENT = (TRANSFERS | PASSIVE.keys() | ACTIVE.keys()
                  | {"USER", "TYPE", "REST", "SIZE", "CWD", "XCWD", "AUTH"})
WITHOUT = frozenset({
    "PASS", "ACCT", "ABOR", "QUIT", "REIN", "CDUP", "XCUP", "PWD", "XPWD", "PBSZ", "PROT", "CCC", "ADAT", "MIC", "CONF", "ENC",
    "STRU", "MODE", "ALLO", "RNFR", "RNTO", "DELE", "RMD", "XRMD", "MKD", "XMKD", "SITE", "SYST", "STAT", "HELP", "NOOP", "FEAT",
    "OPTS", "MDTM", "MLST", "HOST", "LANG", "SMNT", "MFMT", "AVBL", "CLNT", "HASH",
})
"""Known verbs whose argument is not looked at: with those above, all of up to eight letters."""


class Command(NamedTuple):
    """verb: in capitals; "" for one that is not known. argument: only of commands that the session needs it of, never of PASS."""

    verb: str
    argument: str = ""


def parse_command(line: bytes) -> Command:
    """A line as a command. What is not understood is a command without name: it will have its reply all the same."""
    head, _, argument = line.lstrip(b" \t").partition(b"\r")[0].replace(b"\t", b" ", 1).partition(b" ")
    verb = head[:8].upper().decode("latin-1")
    if len(head) > len(verb):
        return Command("")
    if verb in WITH_ARGUMENT:
        return Command(verb, text_of(argument))
    return Command(verb if verb in WITHOUT else "")


def starts_command(line: bytes) -> bool:
    """The line begins with the name of a command."""
    return bool(parse_command(line).verb)
