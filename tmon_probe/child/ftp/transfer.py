"""A transfer, the data connection expected for it, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tmon_probe.child.ftp.commands import STORES
from tmon_probe.child.tcp.layout import CLIENT, RST_ENDED, SERVER

if TYPE_CHECKING:
    from tmon_probe.child.ftp.session import Session

COMPLETED, ABORTED, REFUSED, LOST, TIMED_OUT, UNFINISHED = (
    "completed", "aborted", "refused", "connection_lost", "timed_out", "unfinished")
Endpoint = tuple[int, int]
"""Address as a number of 128 bits, port."""


@dataclass(eq=False, slots=True)
class Data:
    """A data connection: its ends.

    listener_sends  direction (index in CONNECTION) of what the listener sends
    state           CONNECTION when it has ended
    """

    serial: int
    opener: Endpoint
    listener: Endpoint
    start_ns: int
    listener_sends: int = 1
    state: np.void | None = None
    expectation: Expectation | None = None


@dataclass(eq=False, slots=True)
class Expectation:
    """A data connection announced, or to be announced, by PORT, PASV and the like.

    client_listens  the server opens it
    announced       address and port as told, the address may be None: that of the control connection
    listener        where it is looked for: the host of the control connection, the port announced; None: not told, or refused
    """

    session: Session
    mode: str
    client_listens: bool
    announced: tuple[int | None, int] | None = None
    listener: Endpoint | None = None
    data: Data | None = None
    transfer: Transfer | None = None

    @property
    def opener(self) -> int:
        """Address of the host that opens it."""
        return (self.session.server if self.client_listens else self.session.client)[0]


@dataclass(slots=True)
class Restart:
    """offset: 0 if it was refused."""

    offset: int = 0


@dataclass(eq=False, slots=True)
class Transfer:
    """user, command, path, type, restart, expectation: as they stood when the command was given.

    key_path        the path from the root, as far as that was seen
    preliminary     a reply 1xx was seen
    abor            ABOR was given before the final reply
    client_left     the client closed its control connection, without QUIT, before the final reply
    known_size      what the server had answered to SIZE of the path
    cause           without a reply: why there will be none, one of the outcomes; "": it was not seen, though it may have been given
    answered_ns     final reply, or when it was known that none comes; 0: not yet
    """

    session: Session
    number: int
    user: str
    command: str
    path: str
    key_path: str
    type: str
    restart: Restart
    start_ns: int
    expectation: Expectation | None = None
    known_size: int | None = None
    announced_octets: int | None = None
    preliminary: bool = False
    abor: bool = False
    client_left: bool = False
    reply_code: int | None = None
    cause: str = ""
    answered_ns: int = 0
    resumes: int | None = None
    fragment: int = 1
    file_octets: int | None = None
    _known: tuple[int | None, int | None, int | None, str] | None = None

    def close(self) -> None:
        """Nothing will change any more: what is asked for often is worked out once."""
        self._known = self.direction, self.octets, self.duration_ns, self.outcome

    @property
    def data(self) -> Data | None:
        return self.expectation.data if self.expectation else None

    @property
    def without_data(self) -> bool:
        """The server refused before it opened a data connection."""
        refused = self.reply_code is not None and self.reply_code >= 400 and not self.preliminary
        return refused and self.expectation is not None and self.expectation.client_listens

    @property
    def direction(self) -> int | None:
        """Of the connection's two directions the one that the data go in; None without a connection that has ended."""
        if self._known is not None:
            return self._known[0]
        data = self.data
        if data is None or data.state is None:
            return None
        listener_sends = self.expectation.client_listens == (self.command in STORES)
        return data.listener_sends if listener_sends else 1 - data.listener_sends

    @property
    def octets(self) -> int | None:
        """Octets of the data, each once. None: not seen, or too many to be told from boundaries."""
        if self._known is not None:
            return self._known[1]
        direction = self.direction
        if direction is None:
            return None
        octets = int(self.data.state["unique_octets"][direction])
        return octets if octets >= 0 else None

    @property
    def duration_ns(self) -> int | None:
        if self._known is not None:
            return self._known[2]
        if self.direction is None:
            return None
        state = self.data.state
        end = int(state["end_ns"]) or max(int(t) for t in state["last_data_ns"])
        return max(end - int(state["start_ns"]), 0)

    @property
    def end_ns(self) -> int:
        end = self.answered_ns if self.reply_code is not None else self.start_ns
        if self.direction is not None:
            end = max(end, int(self.data.state["start_ns"]) + self.duration_ns)
        return end

    @property
    def third_party(self) -> bool:
        """Announced was a host that takes no part in the session, and none of the two took its place."""
        if self.expectation is None or self.expectation.announced is None or self.data is not None:
            return False
        address = self.expectation.announced[0]
        return address is not None and address & 0xFFFFFFFF != 0 and address not in (
            self.session.client[0], self.session.server[0])

    @property
    def outcome(self) -> str:
        """One of the six."""
        if self._known is not None:
            return self._known[3]
        code = self.reply_code
        if code is None:
            return self.cause or (COMPLETED if self._sent_to_its_end else LOST)
        if code < 400:
            return ABORTED if self.client_left or self._reset_by_client or self.cause == ABORTED else COMPLETED
        moved = self.preliminary or bool(self.octets)
        if self.abor or self.client_left or (moved and (self._reset_by_client or self._closed_by_receiving_client)):
            return ABORTED
        if code == 426:
            return LOST
        return TIMED_OUT if code == 421 and moved else REFUSED

    @property
    def _sent_to_its_end(self) -> bool:
        """The sender of the data closed first, and in order."""
        if self.direction is None or self.data.state["ended_by"] == RST_ENDED or not self.data.state["closed_by"]:
            return False
        return self._closed_by_client == (self.command in STORES)

    @property
    def _client_is(self) -> int:
        """CONNECTION.closed_by of the FTP client: 1 if it opened the data connection as the tracker has it, else 2."""
        client_listens = self.expectation.client_listens
        return SERVER if bool(self.data.listener_sends) == client_listens else CLIENT

    @property
    def _reset_by_client(self) -> bool:
        return self._closed_by_client and self.data.state["ended_by"] == RST_ENDED

    @property
    def _closed_by_receiving_client(self) -> bool:
        return self.command not in STORES and self._closed_by_client

    @property
    def _closed_by_client(self) -> bool:
        return self.direction is not None and self.data.state["closed_by"] == self._client_is
