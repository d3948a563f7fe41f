"""Which data connection belongs to which command: by the end that listens, between the two hosts of a session."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from tmon_probe.child.ftp.session import Session
from tmon_probe.child.ftp.transfer import Data, Endpoint, Expectation, Transfer

MAX_EARLY = 1024
"""Data connections that began before anything announced them; beyond that the oldest is given up."""
EARLY_NS = 5_000_000_000
"""And so long: packets may come in another order than they went."""
_FIRST_FREE_PORT = 1024
_HIGH, _LOW, _SHIFT = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 29
_WORD = (1 << 64) - 1


class Attribution:
    """unmatched    connections between the hosts of a session that looked like data connections and belong to no command"""

    def __init__(self) -> None:
        self._sessions: dict[tuple[int, int], list[Session]] = {}  # by its hosts
        self._expected: dict[tuple[Endpoint, int], list[Expectation]] = {}  # by listener and address of the opener, newest last
        self._early: OrderedDict[tuple[Endpoint, int], Data] = OrderedDict()
        self._living: dict[int, Data] = {}
        self._key_of_hosts: dict[tuple[int, int], int] = {}
        self._keys: np.ndarray | None = None
        self.unmatched = 0

    # --- sessions

    def add(self, session: Session) -> None:
        hosts = _hosts(session.client[0], session.server[0])
        known = self._sessions.get(hosts)
        if known is not None:
            known.append(session)
            return
        self._sessions[hosts] = [session]
        self._key_of_hosts[hosts] = (_mixed(hosts[0]) + _mixed(hosts[1])) & _WORD
        self._keys = None

    def remove(self, session: Session) -> None:
        hosts = _hosts(session.client[0], session.server[0])
        self._sessions[hosts].remove(session)
        if not self._sessions[hosts]:
            del self._sessions[hosts], self._key_of_hosts[hosts]
            self._keys = None

    def between_hosts(self, records: np.ndarray, others: np.ndarray) -> np.ndarray:
        """bool (n,): which records.PACKET go between the two hosts of a session, or of one of the packets `others`, which will
        become sessions. (A false yes is possible, once in 2**64.)"""
        if self._keys is None:
            self._keys = np.sort(np.fromiter(self._key_of_hosts.values(), np.uint64, len(self._key_of_hosts)))
        keys = _key_of(records)
        return _among(self._keys, keys) | _among(np.sort(_key_of(others)), keys)

    # --- expectations

    def announced(self, expectation: Expectation) -> None:
        """It is known where the data connection will be."""
        if expectation.listener is None:
            return
        key = expectation.listener, expectation.opener
        if (early := self._early.pop(key, None)) is not None:
            expectation.data, early.expectation = early, expectation
        else:
            self._expected.setdefault(key, []).append(expectation)

    def withdrawn(self, expectation: Expectation) -> None:
        """Nobody waits for it any longer."""
        if expectation.announced is not None:
            end = expectation.session.client if expectation.client_listens else expectation.session.server
            self._take_out(((end[0], expectation.announced[1]), expectation.opener), expectation)
        if expectation.data is not None:
            self._living.pop(expectation.data.serial, None)

    def began(self, transfer: Transfer) -> None:
        """A transfer whose data connection nothing announced: the one from the server's data port that is there already."""
        if transfer.expectation is None:
            for key, data in reversed(self._early.items()):
                if self._is_default(transfer, data):
                    del self._early[key]
                    return

    # --- connections

    def opened(self, serial: int, client: Endpoint, server: Endpoint, start_ns: int) -> Expectation | None:
        """A connection between the hosts of a session. The expectation that it meets, if it is known already."""
        for listener, opener, sends in ((server, client, 1), (client, server, 0)):  # who opened it may not have been seen
            key = listener, opener[0]
            for expectation in reversed(self._expected.get(key, ())):
                if expectation.listener is not None:
                    expectation.data = self._living[serial] = Data(serial, opener, listener, start_ns, sends, None, expectation)
                    self._take_out(key, expectation)
                    return expectation
        data = self._living[serial] = Data(serial, client, server, start_ns)
        for session in reversed(self._sessions.get(_hosts(client[0], server[0]), ())):
            for transfer in reversed(session.transfers):
                if self._is_default(transfer, data):
                    return transfer.expectation
        before = self._early.pop((server, client[0]), None)
        if before is not None:
            self._give_up(before)
        self._early[server, client[0]] = data
        if len(self._early) > MAX_EARLY:
            self._give_up(self._early.popitem(last=False)[1])
        return None

    def knows(self, serial: int) -> bool:
        return serial in self._living

    def ended(self, state: np.void) -> Data | None:
        """CONNECTION that has ended: the data connection, if it is one."""
        data = self._living.get(int(state["serial"]))
        if data is not None:
            data.state = state
        return data

    def flush(self, now_ns: int) -> None:
        """Give up those that came early and were not announced in time."""
        while self._early:
            key, data = next(iter(self._early.items()))
            if abs(now_ns - data.start_ns) <= EARLY_NS:
                break
            del self._early[key]
            self._give_up(data)

    def finish(self) -> None:
        while self._early:
            self._give_up(self._early.popitem()[1])

    # --- within

    def _is_default(self, transfer: Transfer, data: Data) -> bool:
        """Takes it for the transfer if nothing else was announced for it, and it goes to the port that PORT once named or that is
        the default (RFC 959 section 3.3), or comes from the server's data port."""
        session, expected = transfer.session, transfer.expectation
        if expected is not None and (expected.announced is not None or not expected.client_listens):
            return False
        if data.opener[0] != session.server[0] or data.listener[0] != session.client[0]:
            return False
        again = session.last_active is not None and session.last_active.listener == data.listener
        if not again and data.opener[1] != session.server[1] - 1:
            return False
        mode = session.last_active.mode if again else "active" if data.listener == session.client else "unknown"
        transfer.expectation = data.expectation = Expectation(session, mode, client_listens=True, data=data, transfer=transfer)
        if again:
            transfer.expectation.announced = session.last_active.announced
        return True

    def _take_out(self, key: tuple[Endpoint, int], expectation: Expectation) -> None:
        waiting = self._expected.get(key, [])
        if expectation in waiting:
            waiting.remove(expectation)
        if not waiting:
            self._expected.pop(key, None)

    def _give_up(self, data: Data) -> None:
        self._living.pop(data.serial, None)
        known = self._sessions.get(_hosts(data.opener[0], data.listener[0]), ())
        self.unmatched += data.listener[1] >= _FIRST_FREE_PORT and any(not s.encrypted for s in known)


def _hosts(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one <= other else (other, one)


def _key_of(records: np.ndarray) -> np.ndarray:
    """uint64 (n,), the same for both directions."""
    high, low, shift = np.uint64(_HIGH), np.uint64(_LOW), np.uint64(_SHIFT)
    key = np.zeros(len(records), np.uint64)
    for side in ("src", "dst"):
        word = records[f"{side}_hi"] * high + records[f"{side}_lo"] * low
        key += (word ^ (word >> shift)) * high
    return key


def _among(known: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """bool (n,): which keys are known. known: sorted."""
    if not len(known):
        return np.zeros(len(keys), bool)
    at = np.searchsorted(known, keys)
    return known[np.minimum(at, len(known) - 1)] == keys


def _mixed(address: int) -> int:
    """The same of one address."""
    word = ((address >> 64) * _HIGH + (address & _WORD) * _LOW) & _WORD
    return (word ^ word >> _SHIFT) * _HIGH & _WORD
