"""Flow records as `nfdump -o csv` prints them, columns found by the names in the header."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import IO, TYPE_CHECKING

import numpy as np

from tmon_collector.netflow.records import NO_NUMBER, RECORD, records

if TYPE_CHECKING:
    import polars as pl

CHUNK_OCTETS = 16 << 20
"""Read and taken at once."""
MAX_BAD_TOLD = 20
_COLUMNS = {  # names in the header: up to nfdump 1.7.2, and from 1.7.3 on
    "start": ("ts", "firstSeen"), "end": ("te", "lastSeen"), "duration": ("td", "duration"), "src_addr": ("sa", "srcAddr"),
    "dst_addr": ("da", "dstAddr"), "src_port": ("sp", "srcPort"), "dst_port": ("dp", "dstPort"), "protocol": ("pr", "proto"),
    "packets": ("ipkt", "packets", "inPackets"), "octets": ("ibyt", "bytes", "inBytes"), "packets_rev": ("opkt", "outPackets"),
    "octets_rev": ("obyt", "outBytes"), "exporter": ("ra", "router")}
_REQUIRED = ("start", "src_addr", "dst_addr", "protocol", "packets", "octets")
_PROTOCOLS = {"ICMP": 1, "IGMP": 2, "IPIP": 4, "TCP": 6, "EGP": 8, "IGP": 9, "UDP": 17, "IPV6": 41, "RSVP": 46, "GRE": 47,
              "ESP": 50, "AH": 51, "ICMP6": 58, "EIGRP": 88, "OSPF": 89, "PIM": 103, "VRRP": 112, "SCTP": 132}


class CsvError(Exception):
    """A file is not what nfdump prints; the text says why."""


@dataclass
class Taken:
    """Records of a part of a file.

    flows       RECORD (n,), exporter not filled in; exporters: address of each, or ""
    bad         number and reason of lines that are no records, at most MAX_BAD_TOLD; refused: how many there are
    """

    flows: np.ndarray
    exporters: list[str]
    bad: list[tuple[int, str]] = field(default_factory=list)
    refused: int = 0


def read(file: IO[bytes]) -> Iterator[Taken]:
    """The records of a file, in parts. CsvError when its first line is no header; OSError. Times are those of this process's time
    zone, as nfdump prints them (TZ=UTC for both avoids the doubt of a clock set back)."""
    names = file.readline().decode(errors="replace").strip().split(",")
    columns = {key: next((names.index(n) for n in known if n in names), -1) for key, known in _COLUMNS.items()}
    lacking = [_COLUMNS[key][0] for key in _REQUIRED if columns[key] < 0]
    if lacking or len(set(names)) < len(names):
        raise CsvError(f"its first line has no column {', '.join(lacking)}; expected what `nfdump -o csv` prints" if lacking else
                       "its first line names a column twice")
    number = 2
    for lines, last in _chunks(file):
        yield _take(lines, number, columns, len(names))
        number += lines.count(b"\n") + 1
        if last:
            return


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Whole lines, without the last line end, up to the summary; whether these are the last."""
    rest = b""
    while True:
        piece = file.read(CHUNK_OCTETS)
        octets = rest + piece
        summary = octets.find(b"\nSummary") if not octets.startswith(b"Summary") else 0
        if summary >= 0:
            yield octets[:summary], True
            return
        if not piece:
            yield octets.rstrip(b"\n"), True
            return
        cut = octets.rfind(b"\n", 0, max(len(octets) - len("Summary"), 0))
        if cut < 0:
            rest = octets
            continue
        yield octets[:cut], False
        rest = octets[cut + 1 :]


def _take(lines: bytes, number: int, columns: dict[str, int], width: int) -> Taken:
    """Records of lines; number: of the first."""
    import polars as pl

    split = [line.split(",") for line in lines.decode(errors="replace").split("\n")] if lines else []
    whole = [len(fields) == width for fields in split]
    taken = Taken(np.zeros(0, RECORD), [])
    frame = pl.DataFrame({key: [f[at].strip() for f, w in zip(split, whole, strict=True) if w] if at >= 0 else None
                          for key, at in columns.items()}, schema=dict.fromkeys(columns, pl.String))
    places = np.array([i for i, w in enumerate(whole) if w], np.int64)
    reasons = {i: f"{len(split[i])} columns, expected {width}" for i, w in enumerate(whole) if not w and split[i] != [""]}
    flows, wrong = _records(frame)
    for i, reason in wrong.items():
        reasons[int(places[i])] = reason
    good = np.ones(len(flows), bool)
    good[list(wrong)] = False
    exporters = frame["exporter"].fill_null("").to_list()
    back = _reverse(frame, flows, good)
    taken.flows = np.concatenate((flows[good], back[0]))
    taken.exporters = [e for e, g in zip(exporters, good, strict=True) if g] + [exporters[i] for i in back[1]]
    taken.refused = len(reasons)
    taken.bad = [(number + i, reasons[i]) for i in sorted(reasons)[:MAX_BAD_TOLD]]
    return taken


def _records(frame: pl.DataFrame) -> tuple[np.ndarray, dict[int, str]]:
    """RECORDs of all rows, and which are wrong."""
    flows, wrong = records(frame.height), {}

    def refuse(mask: np.ndarray, what: str, key: str) -> None:
        for i in np.flatnonzero(mask).tolist():
            wrong.setdefault(i, f"{what} {frame[key][i]!r}")

    start = _times(frame, "start")
    end = _times(frame, "end") if frame["end"].null_count() < frame.height else None
    if end is None:
        seconds, bad = _numbers(frame, "duration", 1000)
        end = (start[0] + seconds, start[1] | bad)
    flows["start_ms"], flows["end_ms"] = start[0], end[0]
    refuse(start[1], "no time", "start")
    refuse(end[1], "no time", "end")
    for key in ("octets", "packets"):
        flows[key], bad = _numbers(frame, key)
        refuse(bad, "no count", key)
    for key in ("src_addr", "dst_addr"):
        flows[key], bad = _addresses(frame, key)
        refuse(bad, "no address", key)
    for key in ("src_port", "dst_port"):
        numbers, bad = _numbers(frame, key)  # nfdump has type and code of ICMP there: no port
        flows[key] = np.where(bad | (numbers > 0xFFFF), NO_NUMBER, numbers)
    flows["protocol"], bad = _protocols(frame)
    refuse(bad, "no protocol", "protocol")
    return flows, wrong


def _reverse(frame: pl.DataFrame, flows: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """What came back, of rows that tell it, and of which rows."""
    from tmon_collector.netflow.records import reversed_flows

    octets, no_octets = _numbers(frame, "octets_rev")
    packets, no_packets = _numbers(frame, "packets_rev")
    some = good & ~no_octets & ~no_packets & ((octets > 0) | (packets > 0))
    back = reversed_flows(flows[some])
    back["octets"], back["packets"] = octets[some], packets[some]
    return back, np.flatnonzero(some).tolist()


def _numbers(frame: pl.DataFrame, key: str, times: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(int64 (n,), bool (n,): is none) of a column, each times `times`."""
    import polars as pl

    column = frame[key].cast(pl.Float64 if times > 1 else pl.Int64, strict=False)
    column = (column * times).round(0).cast(pl.Int64, strict=False) if times > 1 else column
    bad = (column.is_null() | (column < 0)).fill_null(value=True).to_numpy()
    return np.where(bad, 0, column.fill_null(0).to_numpy()), bad


def _times(frame: pl.DataFrame, key: str) -> tuple[np.ndarray, np.ndarray]:
    """(int64 (n,) ms since 1970-01-01 UTC, bool (n,): is none) of local times, or of seconds since 1970."""
    import polars as pl

    text = frame[key].str.replace("T", " ", literal=True).str.strip_suffix("Z")
    local = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ms", strict=False)
    ms = local.cast(pl.Int64)
    epoch = (frame[key].cast(pl.Float64, strict=False) * 1000).round(0).cast(pl.Int64, strict=False)
    bad = (ms.is_null() & epoch.is_null()).to_numpy()
    wall = ms.fill_null(0).to_numpy()
    quarters, which = np.unique(wall // 900_000, return_inverse=True)
    offsets = np.array([_offset_ms(int(q)) for q in quarters], np.int64)[which] if len(wall) else wall
    utc = frame[key].str.ends_with("Z").fill_null(value=False).to_numpy()
    return np.where(ms.is_null().to_numpy(), epoch.fill_null(0).to_numpy(), np.where(utc, wall, wall - offsets)), bad


def _offset_ms(quarter: int) -> int:
    """What local time is ahead of UTC in a quarter of an hour of local time since 1970."""
    try:
        offset = (datetime(1970, 1, 1) + timedelta(minutes=15 * quarter)).astimezone().utcoffset()  # noqa: DTZ001 local on purpose
    except (OverflowError, ValueError, OSError):
        return 0
    return round((offset or timedelta()) / timedelta(milliseconds=1))


def _addresses(frame: pl.DataFrame, key: str) -> tuple[np.ndarray, np.ndarray]:
    texts = frame[key].fill_null("").to_list()
    known: dict[str, tuple[int, int] | None] = {text: _address(text) for text in set(texts)}
    bad = np.array([known[t] is None for t in texts], bool)
    return np.array([known[t] or (0, 0) for t in texts], np.int64).reshape(-1, 2), bad


def _address(text: str) -> tuple[int, int] | None:
    """128 bits in two signed words, IPv4 mapped."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    packed = address.packed if isinstance(address, IPv6Address) else b"\0" * 10 + b"\xff\xff" + address.packed
    return int.from_bytes(packed[:8], "big", signed=True), int.from_bytes(packed[8:], "big", signed=True)


def _protocols(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    texts = frame["protocol"].fill_null("").to_list()
    known = {text: _protocol(text) for text in set(texts)}
    numbers = np.array([known[t] for t in texts], np.int16).reshape(-1)
    return numbers, numbers < 0


def _protocol(text: str) -> int:
    """NO_NUMBER: not known."""
    if text.isascii() and text.isdigit() and int(text) < 256:
        return int(text)
    number = _PROTOCOLS.get(text.upper())
    if number is not None:
        return number
    try:
        return socket.getprotobyname(text.lower())
    except OSError:
        return NO_NUMBER


