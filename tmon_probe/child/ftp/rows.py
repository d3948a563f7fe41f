"""Transfers as rows of ftp_transfer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tmon_common.observations import ABSENT, FTP_TRANSFER, Rows
from tmon_probe.child.ftp.transfer import Transfer

_SECOND = 1_000_000_000
_UNKNOWN = "unknown"


def rows_of(transfers: Sequence[tuple[int, Transfer]]) -> Rows:
    """One row for each (number of the flow, transfer)."""
    values = np.full((len(transfers), FTP_TRANSFER.words), ABSENT, np.int64).view(FTP_TRANSFER.dtype).reshape(-1)
    strings: dict[str, int] = {}
    for row, (flow, transfer) in zip(values, transfers, strict=True):
        row["flow"] = flow
        for name, text in _texts(transfer).items():
            row[name] = strings.setdefault(text, len(strings))
        for name, number in (_dialogue(transfer) | _data(transfer)).items():
            if number is not None:
                row[name] = number
    return Rows(FTP_TRANSFER, values, list(strings))


def _texts(transfer: Transfer) -> dict[str, str]:
    mode = transfer.expectation.mode if transfer.expectation else _UNKNOWN
    return {"user": transfer.session.user, "command": transfer.command, "path": transfer.path, "mode": mode, "type": transfer.type,
            "outcome": transfer.outcome}


def _dialogue(transfer: Transfer) -> dict:
    session, announced = transfer.session, transfer.expectation.announced if transfer.expectation else None
    address, port = announced or (None, None)
    if announced and address is None:
        address = (session.client if transfer.expectation.client_listens else session.server)[0]
    return {
        "session": session.number, "transfer": transfer.number,
        "client_addr": _words(session.client[0]), "client_port": session.client[1],
        "server_addr": _words(session.server[0]), "server_port": session.server[1],
        "data_addr": None if address is None else _words(address), "data_port": port, "third_party": int(transfer.third_party),
        "restart_offset": transfer.restart.offset, "announced_octets": transfer.announced_octets,
        "start": transfer.start_ns, "end": transfer.end_ns, "reply_code": transfer.reply_code,
        "resumes": transfer.resumes, "fragment": transfer.fragment, "file_octets": transfer.file_octets,
    }


def _data(transfer: Transfer) -> dict:
    """Of the data connection, in the direction of the data."""
    direction, octets, duration = transfer.direction, transfer.octets, transfer.duration_ns
    if direction is None:
        return {}
    state = transfer.data.state
    samples = int(state["rtt_samples"][direction])
    return {
        "octets": octets, "duration": duration,
        "throughput": 8 * octets * _SECOND // duration if octets is not None and duration else None,
        **{name: _known(state[name][direction]) for name in ("data_segments", "retransmitted_segments", "retransmitted_octets",
                                                             "out_of_order_segments", "missing_octets")},
        "rtt_min": int(state["rtt_min_ns"][direction]) if samples else None,
        "rtt_mean": int(state["rtt_sum_ns"][direction]) // samples if samples else None,
        "rtt_max": int(state["rtt_max_ns"][direction]) if samples else None,
    }


def _known(count: int) -> int | None:
    """Counts that boundaries alone do not tell are negative."""
    return int(count) if count >= 0 else None


def _words(address: int) -> tuple[int, int]:
    """Of a 128-bit number, as the column holds it."""
    return tuple(int.from_bytes(address.to_bytes(16)[at : at + 8], signed=True) for at in (0, 8))
