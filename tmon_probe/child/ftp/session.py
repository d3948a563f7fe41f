"""The dialogue of one FTP session: commands and replies in, what they mean out. Knows no packets.

States are those of RFC 959 section 6, kept as facts: who is logged in, what is expected, what goes on. Each call may leave events
in `events`, which the caller takes out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tmon_probe.child.ftp import addresses
from tmon_probe.child.ftp.commands import ACTIVE, LOGINS, PASSIVE, RETRIEVALS, STORES, TRANSFERS, Command
from tmon_probe.child.ftp.pairing import Pairing, Waiting
from tmon_probe.child.ftp.replies import Replies, Reply, announced_octets, quoted_path, unique_name
from tmon_probe.child.ftp.transfer import ABORTED, LOST, Endpoint, Expectation, Restart, Transfer

MAX_TRANSFERS = 64
"""Transfers of a session that wait for their final reply; beyond that the oldest is given up as lost."""
MAX_SIZES = 32
"""Answers to SIZE that are remembered until the transfer."""
MAX_DIRECTORY = 4096
MAX_OFFSET = 1 << 62
_ABORTED = re.compile(r"\babor", re.IGNORECASE)
_TYPES = {"A": "ASCII", "E": "EBCDIC", "I": "image"}
_PARSERS: dict[str, Callable[[str], addresses.HostPort | None]] = {
    "PORT": addresses.ordinary, "EPRT": addresses.extended, "LPRT": addresses.long,
    "PASV": addresses.ordinary, "EPSV": addresses.extended, "LPSV": addresses.long,
}


@dataclass(eq=False, slots=True)
class Counted:
    """Something that the column `name` of ftp_counters counts."""

    name: str


@dataclass(eq=False, slots=True)
class Announced:
    """It is known now where the data connection will be."""

    expectation: Expectation


@dataclass(eq=False, slots=True)
class Began:
    transfer: Transfer


@dataclass(eq=False, slots=True)
class Answered:
    """The final reply came, or it is known that none will."""

    transfer: Transfer


_SKIPPED, _LOGIN, _REFUSED, _ENCRYPTED = (Counted(n) for n in ("lines_skipped", "logins", "logins_refused", "encrypted"))
Event = Counted | Announced | Began | Answered


@dataclass(eq=False, slots=True)
class Session:
    """client, server: the ends of the control connection. greeted: the greeting was seen, or will not be (picked up in the middle).

    number_transfer     gives each transfer its number
    replies             takes the lines of the server
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
    replies: Replies = field(default_factory=Replies)
    pairing: Pairing = field(default_factory=Pairing)
    expected: Expectation | None = None  # the data connection announced for the next transfer
    _restart: Restart = field(default_factory=Restart)
    _sizes: dict[str, int] = field(default_factory=dict)  # the oldest first
    _broken: int = 0
    _unheard: bool = False  # some reply was not seen
    _now_ns: int = 0

    # --- what is seen

    def command(self, command: Command, now_ns: int) -> None:
        """Of the client."""
        self._now_ns = now_ns
        if self._unheard:  # clients wait for a reply before they go on, nearly always
            self.pairing.forget()
            self._unheard = False
        waiting = Waiting(command)
        take = _COMMANDS.get(command.verb)
        if take is not None:
            take(self, waiting, command)
        pairing = self.pairing
        pairing.command(waiting)
        if pairing.forgotten:
            self._give_up_forgotten(now_ns)

    def reply(self, reply: Reply, now_ns: int) -> None:
        """Of the server."""
        self._now_ns = now_ns
        self.answers = True
        if not self.greeted:
            self.greeted = reply.hundreds != 1
            return
        pairing = self.pairing
        waiting = pairing.reply(reply)
        if pairing.forgotten:
            self._give_up_forgotten(now_ns)
        if waiting is None:
            self._answer_login(reply)  # 230 and 530 tell of a login though the command was not seen
        elif (answer := _ANSWERS.get(waiting.command.verb)) is not None:
            answer(self, waiting, reply)

    def gap(self, from_server: bool) -> None:
        """Octets of the dialogue are missing."""
        if from_server:
            self.greeted = self._unheard = True
            self.replies.gap()
            self.tell_broken()

    def line_skipped(self) -> None:
        self.events.append(_SKIPPED)

    def tell_broken(self) -> None:
        """Lines of `replies` that belong to no reply."""
        self.events += [_SKIPPED] * (self.replies.broken - self._broken)
        self._broken = self.replies.broken

    def client_closes(self) -> None:
        """FIN or RST of the client on the control connection."""
        if not self.quit:
            for transfer in self.transfers:
                transfer.client_left = True

    def ends(self, cause: str, now_ns: int) -> None:
        """There will be no further reply; cause: outcome of the transfers that wait for one."""
        for transfer in list(self.transfers):
            left = transfer.client_left or (transfer.abor and cause == LOST)
            self._lost(transfer, "" if not self.answers else ABORTED if left else cause, now_ns)
        self.expected = None

    # --- commands

    def _take_transfer(self, waiting: Waiting, command: Command) -> None:
        waiting.subject = self._begin(command, self._now_ns)

    def _take_passive(self, waiting: Waiting, command: Command) -> None:
        if command.argument.strip().upper() != "ALL":
            waiting.subject = self._expect(Expectation(self, PASSIVE[command.verb], client_listens=False))

    def _take_active(self, waiting: Waiting, command: Command) -> None:
        waiting.subject = self._expect(Expectation(self, ACTIVE[command.verb], client_listens=True))
        self._announce(waiting.subject, _PARSERS[command.verb](command.argument), self.client)

    def _take_restart(self, waiting: Waiting, command: Command) -> None:
        digits = command.argument.strip()
        self._restart = waiting.subject = Restart(int(digits) if digits.isdecimal() and int(digits) < MAX_OFFSET else 0)

    def _take_user(self, _waiting: Waiting, command: Command) -> None:
        self.user = command.argument.strip()

    def _take_type(self, waiting: Waiting, command: Command) -> None:
        waiting.subject, self.type = self.type, _type(command.argument, self.type)

    def _take_directory(self, waiting: Waiting, command: Command) -> None:
        to = command.argument if command.verb in ("CWD", "XCWD") else ".."
        waiting.subject = self.directory
        self.directory = posixpath.normpath(posixpath.join(self.directory, to))[-MAX_DIRECTORY:]

    def _take_abort(self, _waiting: Waiting, _command: Command) -> None:
        for transfer in self.transfers:
            transfer.abor = True

    def _take_quit(self, _waiting: Waiting, _command: Command) -> None:
        self.quit = True

    def _expect(self, expectation: Expectation) -> Expectation:
        self.expected = expectation
        return expectation

    def _begin(self, command: Command, now_ns: int) -> Transfer:
        path = command.argument.lstrip(" ") if command.verb not in ("RETR", "STOR", "APPE") else command.argument
        key_path = posixpath.normpath(posixpath.join(self.directory, path))
        transfer = Transfer(self, self.number_transfer(), self.user, command.verb, path, key_path, self.type, self._restart, now_ns,
                            self.expected, self._sizes.get(path))
        self.expected, self._restart = None, Restart()
        if transfer.expectation:
            transfer.expectation.transfer = transfer
        if command.verb in STORES:
            self._sizes.pop(path, None)
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

    def _answer_transfer(self, waiting: Waiting, reply: Reply) -> None:
        transfer = waiting.subject
        if transfer.answered_ns:
            return
        if transfer.command == "STOU" and (name := unique_name(reply.text)):
            transfer.path = name
        if reply.hundreds == 1:
            transfer.preliminary = True
            told = announced_octets(reply.text)
            if told is None and reply.several:
                told = announced_octets(reply.first)
            transfer.announced_octets = transfer.announced_octets if told is None else told
            return
        if transfer.abor and reply.hundreds == 2 and _ABORTED.search(reply.text) and self.pairing.reply(reply):
            transfer.cause = ABORTED  # one reply to both: there was no 426 before
        transfer.reply_code = reply.code
        self._done(transfer, self._now_ns)

    def _answer_expectation(self, waiting: Waiting, reply: Reply) -> None:
        expectation = waiting.subject
        if reply.hundreds == 1:
            return
        if expectation is None:
            self.extended_passive_only = reply.hundreds == 2
        elif reply.hundreds != 2:
            expectation.listener = None
            if self.expected is expectation:
                self.expected = None
        elif expectation.client_listens:
            self.last_active = expectation
        else:
            parse = _PARSERS[waiting.command.verb]
            self._announce(expectation, parse(reply.text) or (parse(reply.first) if reply.several else None), self.server)

    def _answer_user(self, _waiting: Waiting, reply: Reply) -> None:
        if reply.hundreds != 1:
            self._answer_login(reply)

    def _answer_login(self, reply: Reply) -> None:
        if reply.code in (230, 232):
            self.events.append(_LOGIN)
        elif reply.code in (430, 530):
            self.events.append(_REFUSED)

    def _answer_restart(self, waiting: Waiting, reply: Reply) -> None:
        if reply.hundreds > 3:
            waiting.subject.offset = 0

    def _answer_type(self, waiting: Waiting, reply: Reply) -> None:
        if reply.hundreds > 2:
            self.type = waiting.subject

    def _answer_size(self, waiting: Waiting, reply: Reply) -> None:
        if reply.code == 213:
            self._remember_size(waiting.command.argument, reply.text)

    def _answer_security(self, waiting: Waiting, reply: Reply) -> None:
        if (waiting.command.verb == "AUTH" and reply.hundreds == 2) or (waiting.command.verb == "ADAT" and reply.code == 235):
            self.encrypted = True
            self.events.append(_ENCRYPTED)

    def _answer_reinitialize(self, _waiting: Waiting, reply: Reply) -> None:
        if reply.hundreds == 2:
            self.user, self.type, self.expected, self._restart, self.directory = "", "ASCII", None, Restart(), "/"

    def _answer_directory(self, waiting: Waiting, reply: Reply) -> None:
        if reply.hundreds == 2:
            self._sizes.clear()
        elif reply.hundreds != 1:
            self.directory = waiting.subject

    def _answer_where(self, _waiting: Waiting, reply: Reply) -> None:
        if reply.hundreds == 2:
            path = quoted_path(reply.text)
            self.directory = path if path.startswith("/") else self.directory

    def _remember_size(self, path: str, text: str) -> None:
        digits = text.strip()
        if digits.isdecimal() and int(digits) < MAX_OFFSET:
            self._sizes[path] = int(digits)
            if len(self._sizes) > MAX_SIZES:
                del self._sizes[next(iter(self._sizes))]

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
        for waiting in self.pairing.forgotten:
            if isinstance(waiting.subject, Transfer) and not waiting.subject.answered_ns:
                self._lost(waiting.subject, "", now_ns)
        self.pairing.forgotten.clear()


_COMMANDS: dict[str, Callable[[Session, Waiting, Command], None]] = {
    **dict.fromkeys(TRANSFERS, Session._take_transfer),
    **dict.fromkeys(PASSIVE, Session._take_passive), **dict.fromkeys(ACTIVE, Session._take_active),
    "REST": Session._take_restart, "USER": Session._take_user, "TYPE": Session._take_type,
    **dict.fromkeys(("CWD", "XCWD", "CDUP", "XCUP"), Session._take_directory),
    "ABOR": Session._take_abort, "QUIT": Session._take_quit,
}
_ANSWERS: dict[str, Callable[[Session, Waiting, Reply], None]] = {
    **dict.fromkeys(TRANSFERS, Session._answer_transfer),
    **dict.fromkeys((*PASSIVE, *ACTIVE), Session._answer_expectation), **dict.fromkeys(LOGINS, Session._answer_user),
    "REST": Session._answer_restart, "TYPE": Session._answer_type, "SIZE": Session._answer_size,
    **dict.fromkeys(("AUTH", "ADAT"), Session._answer_security), "REIN": Session._answer_reinitialize,
    **dict.fromkeys(("CWD", "XCWD", "CDUP", "XCUP"), Session._answer_directory),
    **dict.fromkeys(("PWD", "XPWD"), Session._answer_where),
}
"""What commands do at once, and what their replies do; those that do nothing are not here."""


def _type(argument: str, before: str) -> str:
    words = argument.upper().split()
    if words and words[0][:1] == "L":
        return " ".join(["local", *(words[1:2] or [words[0][1:]])]).strip()
    return _TYPES.get(words[0] if words else "", before)
