"""Transfers as rows of ftp_transfer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tmon_common.observations import ABSENT, FTP_TRANSFER, Rows
from tmon_probe.child.ftp.transfer import Transfer

_SECOND = 1_000_000_000
_SPAN = 1 << 64
_UNKNOWN = "unknown"
_COUNTS = ("data_segments", "retransmitted_segments", "retransmitted_octets", "out_of_order_segments", "missing_octets")
_AT = {name: FTP_TRANSFER.word_of(name) for name in FTP_TRANSFER.dtype.names}


def rows_of(transfers: Sequence[tuple[int, Transfer]]) -> Rows:
    """One row for each (number of the flow, transfer)."""
    strings: dict[str, int] = {}
    rows = [_words_of(flow, transfer, strings) for flow, transfer in transfers]
    values = np.array(rows, np.int64).reshape(-1, FTP_TRANSFER.words).view(FTP_TRANSFER.dtype).reshape(-1)
    return Rows(FTP_TRANSFER, values, list(strings))


def _words_of(flow: int, transfer: Transfer, strings: dict[str, int]) -> list[int]:
    """A row. strings: text -> its position, added to."""
    words = [ABSENT] * FTP_TRANSFER.words
    words[_AT["flow"]] = flow
    for name, text in _texts(transfer).items():
        words[_AT[name]] = strings.setdefault(text, len(strings))
    for name, address in _addresses(transfer).items():
        if address is not None:
            words[_AT[name]], words[_AT[name] + 1] = _halves(address)
    for fields in (_dialogue(transfer), _data(transfer)):
        for name, number in fields.items():
            if number is not None:
                words[_AT[name]] = number
    return words


def _texts(transfer: Transfer) -> dict[str, str]:
    mode = transfer.expectation.mode if transfer.expectation else _UNKNOWN
    return {"user": transfer.user, "command": transfer.command, "path": transfer.path, "mode": mode, "type": transfer.type,
            "outcome": transfer.outcome}


def _addresses(transfer: Transfer) -> dict[str, int | None]:
    session, expectation = transfer.session, transfer.expectation
    address = None
    if expectation is not None and expectation.announced is not None:
        address = expectation.announced[0]
        if address is None:
            address = (session.client if expectation.client_listens else session.server)[0]
    return {"client_addr": session.client[0], "server_addr": session.server[0], "data_addr": address}


def _dialogue(transfer: Transfer) -> dict[str, int | None]:
    session, announced = transfer.session, transfer.expectation.announced if transfer.expectation else None
    return {
        "session": session.number, "transfer": transfer.number, "client_port": session.client[1], "server_port": session.server[1],
        "data_port": announced[1] if announced else None, "third_party": int(transfer.third_party),
        "restart_offset": transfer.restart.offset, "announced_octets": transfer.announced_octets,
        "start": transfer.start_ns, "end": transfer.end_ns, "reply_code": transfer.reply_code,
        "resumes": transfer.resumes, "fragment": transfer.fragment, "file_octets": transfer.file_octets,
    }


def _data(transfer: Transfer) -> dict[str, int | None]:
    """Of the data connection, in the direction of the data."""
    direction, octets, duration = transfer.direction, transfer.octets, transfer.duration_ns
    if direction is None:
        return {}
    state = transfer.data.state
    told = {
        "octets": octets, "duration": duration,
        "throughput": 8 * octets * _SECOND // duration if octets is not None and duration else None,
    }
    if not state["by_boundaries"]:  # which do not tell
        told.update((name, state[name].item(direction)) for name in _COUNTS)
    samples = state["rtt_samples"].item(direction)
    if samples:
        told["rtt_min"], told["rtt_max"] = state["rtt_min_ns"].item(direction), state["rtt_max_ns"].item(direction)
        told["rtt_mean"] = state["rtt_sum_ns"].item(direction) // samples
    return told


def _halves(address: int) -> tuple[int, int]:
    """Of a 128-bit number, as signed words."""
    high, low = divmod(address, _SPAN)
    return high - _SPAN * (high >> 63), low - _SPAN * (low >> 63)
