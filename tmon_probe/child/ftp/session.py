"""The dialogue of one FTP session: commands and replies in, what they mean out. Knows no packets.

States are those of RFC 959 section 6, kept as facts: who is logged in, what is expected, what goes on. Each call may leave events
in `events`, which the caller takes out.
"""

from __future__ import annotations

import posixpath
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from tmon_probe.child.ftp import addresses
from tmon_probe.child.ftp.commands import ACTIVE, LOGINS, PASSIVE, RETRIEVALS, TRANSFERS, Command, parse_command
from tmon_probe.child.ftp.pairing import Pairing, Waiting
from tmon_probe.child.ftp.replies import Replies, Reply, announced_octets, quoted_path, unique_name
from tmon_probe.child.ftp.transfer import ABORTED, LOST, Endpoint, Expectation, Restart, Transfer

MAX_TRANSFERS = 64
"""Transfers of a session that wait for their final reply; beyond that the oldest is given up as lost."""
MAX_SIZES = 32
"""Answers to SIZE that are remembered until the transfer."""
MAX_DIRECTORY = 4096
MAX_OFFSET = 1 << 62
_TYPES = {"A": "ASCII", "E": "EBCDIC", "I": "image"}
_PARSERS: dict[str, Callable[[str], addresses.HostPort | None]] = {
    "PORT": addresses.ordinary, "EPRT": addresses.extended, "LPRT": addresses.long,
    "PASV": addresses.ordinary, "EPSV": addresses.extended, "LPSV": addresses.long,
}


@dataclass(frozen=True)
class Counted:
    """Something that the column `name` of ftp_counters counts."""

    name: str


@dataclass(frozen=True)
class Announced:
    """It is known now where the data connection will be."""

    expectation: Expectation


@dataclass(frozen=True)
class Began:
    transfer: Transfer


@dataclass(frozen=True)
class Answered:
    """The final reply came, or it is known that none will."""

    transfer: Transfer


Event = Counted | Announced | Began | Answered


@dataclass(eq=False)
class Session:
    """client, server: the ends of the control connection. greeted: the greeting was seen, or will not be (picked up in the middle).

    number_transfer     gives each transfer its number
    """

    number: int
    client: Endpoint
    server: Endpoint
    number_transfer: Callable[[], int]
    greeted: bool = False
    user: str = ""
    type: str = "ASCII"
    encrypted: bool = False
    quit: bool = False
    extended_passive_only: bool = False  # EPSV ALL, RFC 2428 section 4
    answers: bool = False  # some reply was seen
    directory: str = "/"  # as far as it was seen; where a login begins counts as /
    last_active: Expectation | None = None
    transfers: list[Transfer] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._replies = Replies()
        self._pairing = Pairing()
        self._expected: Expectation | None = None
        self._restart = Restart()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._broken = 0
        self._unheard = False  # some reply was not seen

    # --- what is seen

    def command_line(self, line: bytes, now_ns: int) -> None:
        """A line of the client."""
        if self.encrypted:
            return
        command = parse_command(line)
        self._count("commands")
        if self._unheard:  # clients wait for a reply before they go on, nearly always
            self._pairing.forget()
            self._unheard = False
        waiting = Waiting(command)
        verb = command.verb
        if verb in TRANSFERS:
            waiting.subject = self._begin(command, now_ns)
        elif verb in PASSIVE and command.argument.strip().upper() != "ALL":
            waiting.subject = self._expect(Expectation(self, PASSIVE[verb], client_listens=False))
        elif verb in ACTIVE:
            waiting.subject = self._expect(Expectation(self, ACTIVE[verb], client_listens=True))
            self._announce(waiting.subject, _PARSERS[verb](command.argument), self.client)
        elif verb == "REST":
            digits = command.argument.strip()
            self._restart = waiting.subject = Restart(int(digits) if digits.isdecimal() and int(digits) < MAX_OFFSET else 0)
        elif verb == "USER":
            self.user = command.argument.strip()
        elif verb == "TYPE":
            waiting.subject, self.type = self.type, _type(command.argument, self.type)
        elif verb == "ABOR":
            for transfer in self.transfers:
                transfer.abor = True
        elif verb == "QUIT":
            self.quit = True
        self._pairing.command(waiting)
        self._give_up_forgotten(now_ns)

    def reply_line(self, line: bytes, now_ns: int) -> None:
        """A line of the server."""
        if self.encrypted:
            return
        reply = self._replies.feed(line)
        self._tell_broken()
        if reply is None:
            return
        if reply.hundreds <= 5:
            self._count(f"replies_{reply.hundreds}xx")
        self.answers = True
        if not self.greeted:
            self.greeted = reply.hundreds != 1
            return
        if (waiting := self._pairing.reply(reply)) is not None:
            self._give_up_forgotten(now_ns)
            self._answer(waiting, reply, now_ns)

    def gap(self, from_server: bool) -> None:
        """Octets of the dialogue are missing."""
        if from_server:
            self.greeted = self._unheard = True
            self._replies.gap()
            self._tell_broken()

    def line_skipped(self) -> None:
        self._count("lines_skipped")

    def client_closes(self) -> None:
        """FIN or RST of the client on the control connection."""
        if not self.quit:
            for transfer in self.transfers:
                transfer.client_left = True

    def ends(self, cause: str, now_ns: int) -> None:
        """There will be no further reply; cause: outcome of the transfers that wait for one."""
        for transfer in list(self.transfers):
            left = transfer.client_left or (transfer.abor and cause == LOST)
            self._lost(transfer, ABORTED if left else cause if self.answers else "", now_ns)
        self._expected = None

    @property
    def expected(self) -> Expectation | None:
        """The data connection announced for the next transfer."""
        return self._expected

    # --- commands

    def _expect(self, expectation: Expectation) -> Expectation:
        self._expected = expectation
        return expectation

    def _begin(self, command: Command, now_ns: int) -> Transfer:
        path = command.argument.lstrip(" ") if command.verb not in ("RETR", "STOR", "APPE") else command.argument
        key_path = posixpath.normpath(posixpath.join(self.directory, path))
        transfer = Transfer(self, self.number_transfer(), command.verb, path, key_path, self.type, self._restart, now_ns,
                            self._expected, self._sizes.get(path))
        self._expected, self._restart = None, Restart()
        if transfer.expectation:
            transfer.expectation.transfer = transfer
        if command.verb in RETRIEVALS:
            transfer.announced_octets = transfer.known_size
        if len(self.transfers) == MAX_TRANSFERS:
            self._lost(self.transfers[0], LOST, now_ns)
        self.transfers.append(transfer)
        self.events.append(Began(transfer))
        return transfer

    def _announce(self, expectation: Expectation, told: addresses.HostPort | None, end: Endpoint) -> None:
        """end: that of the control connection on the host that will listen."""
        if told is not None:
            expectation.announced = told.address, told.port
            expectation.listener = end[0], told.port
            self.events.append(Announced(expectation))

    # --- replies

    def _answer(self, waiting: Waiting, reply: Reply, now_ns: int) -> None:
        command, verb, good = waiting.command, waiting.command.verb, reply.hundreds == 2
        if verb in TRANSFERS:
            self._answer_transfer(waiting.subject, reply, now_ns)
        elif reply.hundreds == 1:
            return
        elif verb in PASSIVE or verb in ACTIVE:
            self._answer_expectation(waiting, reply)
        elif verb in LOGINS:
            self._answer_login(reply)
        elif verb == "REST" and not good and reply.hundreds != 3:
            waiting.subject.offset = 0
        elif verb == "TYPE" and not good:
            self.type = waiting.subject
        elif verb == "SIZE" and reply.code == 213:
            self._remember_size(command.argument, reply.text)
        elif (verb == "AUTH" and good) or (verb == "ADAT" and reply.code == 235):
            self.encrypted = True
            self._count("encrypted")
        elif verb == "REIN" and good:
            self.user, self.type, self._expected, self._restart, self.directory = "", "ASCII", None, Restart(), "/"
        elif good:
            self._answer_directory(command, reply)

    def _answer_transfer(self, transfer: Transfer, reply: Reply, now_ns: int) -> None:
        if transfer.answered_ns:
            return
        if transfer.command == "STOU" and (name := unique_name(reply.text)):
            transfer.path = name
        if reply.hundreds == 1:
            transfer.preliminary = True
            if (octets := announced_octets(reply.text)) is not None:
                transfer.announced_octets = octets
            return
        if transfer.abor and reply.hundreds == 2 and "abor" in reply.text.lower() and self._pairing.reply(reply):
            transfer.cause = ABORTED  # one reply to both: there was no 426 before
        transfer.reply_code = reply.code
        self._done(transfer, now_ns)

    def _answer_expectation(self, waiting: Waiting, reply: Reply) -> None:
        expectation = waiting.subject
        if expectation is None:
            self.extended_passive_only = reply.hundreds == 2
        elif reply.hundreds != 2:
            expectation.listener = None
            if self._expected is expectation:
                self._expected = None
        elif expectation.client_listens:
            self.last_active = expectation
        else:
            parse = _PARSERS[waiting.command.verb]
            self._announce(expectation, parse(reply.text) or parse(reply.first), self.server)

    def _answer_login(self, reply: Reply) -> None:
        if reply.code in (230, 232):
            self._count("logins")
        elif reply.code in (430, 530):
            self._count("logins_refused")

    def _remember_size(self, path: str, text: str) -> None:
        digits = text.strip()
        if digits.isdecimal() and int(digits) < MAX_OFFSET:
            self._sizes[path] = int(digits)
            if len(self._sizes) > MAX_SIZES:
                self._sizes.popitem(last=False)

    def _answer_directory(self, command: Command, reply: Reply) -> None:
        match command.verb:
            case "CWD" | "XCWD":
                self.directory = posixpath.normpath(posixpath.join(self.directory, command.argument))[-MAX_DIRECTORY:]
                self._sizes.clear()
            case "CDUP" | "XCUP":
                self.directory = posixpath.dirname(self.directory) or "/"
                self._sizes.clear()
            case "PWD" | "XPWD":
                path = quoted_path(reply.text)
                self.directory = path if path.startswith("/") else self.directory

    # --- ends

    def _done(self, transfer: Transfer, now_ns: int) -> None:
        transfer.answered_ns = now_ns
        if transfer in self.transfers:
            self.transfers.remove(transfer)
        self.events.append(Answered(transfer))

    def _lost(self, transfer: Transfer, cause: str, now_ns: int) -> None:
        transfer.cause = cause
        self._done(transfer, now_ns)

    def _give_up_forgotten(self, now_ns: int) -> None:
        """Commands whose reply was not seen."""
        for waiting in self._pairing.forgotten:
            if isinstance(waiting.subject, Transfer) and not waiting.subject.answered_ns:
                self._lost(waiting.subject, "", now_ns)
        self._pairing.forgotten.clear()

    def _tell_broken(self) -> None:
        for _ in range(self._replies.broken - self._broken):
            self._count("lines_skipped")
        self._broken = self._replies.broken

    def _count(self, name: str) -> None:
        self.events.append(Counted(name))


def _type(argument: str, before: str) -> str:
    words = argument.upper().split()
    if words and words[0][:1] == "L":
        return " ".join(["local", *(words[1:2] or [words[0][1:]])]).strip()
    return _TYPES.get(words[0] if words else "", before)
