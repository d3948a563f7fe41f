"""TCP segments as packet records, without a capture: as many connections as are wanted, packets of all of them mixed at random.

Every connection begins with its handshake; after that data and bare acknowledgements follow each other without loss, with
timestamps, so that trackers of connections find round trips and nothing wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import int64, njit, uint8, uint16, uint32, uint64

from tmon_probe import records as r
from tmon_probe.records import PACKET

START_NS = 1_700_000_040 * 1_000_000_000
"""Begins a minute."""
STEP_NS = 1000
DATA_OCTETS = 1448
SERVERS = 251
PORT, FTP_PORT, FTP_EVERY = 443, 21, 256
"""A connection in so many is one of FTP control; its octets do not come along."""
_FLAGS = r.HAS_PORTS | r.HAS_TCP | r.HAS_TIMESTAMPS | r.DONT_FRAGMENT | r.SIGNED
_OPTIONS = r.HAS_MSS | r.HAS_WINDOW_SCALE | r.SACK_PERMITTED
_MAPPED, _CLIENTS, _SERVER_NET = 0xFFFF << 32, 0x0A000000, 0xC0000200  # 10.0.0.0/8, 192.0.2.0/24
_ODD = uint64(0x9E3779B97F4A7C15)
_SYN, _PSH, _ACK = 0x02, 0x08, 0x10
_STEP_NS, _DATA_OCTETS, _SERVERS, _PORT, _FTP_PORT, _FTP_EVERY = STEP_NS, DATA_OCTETS, SERVERS, PORT, FTP_PORT, FTP_EVERY


class Segments:
    """Records of `connections` connections. They come in arrays of `batch`; each overwrites the one before, as in a ring."""

    def __init__(self, connections: int, batch: int, seed: int) -> None:
        self._random, self._batch = np.random.default_rng(seed), batch
        self._next = self._random.integers(0, 1 << 32, (connections, 2), np.uint32)
        self._tsval = np.zeros((connections, 2), np.uint32)
        self._records = np.zeros(batch, PACKET)
        self._made = 0

    def opening(self) -> Iterator[np.ndarray]:
        """The handshakes, those of some hundreds of connections at a time."""
        at_a_time = self._batch // 3
        for first in range(0, len(self._next), at_a_time):
            who = np.arange(first, min(first + at_a_time, len(self._next)))
            yield self._make(np.tile(who, 3), np.repeat(np.array((0, 1, 0), np.uint8), len(who)),
                             np.repeat(np.array((_SYN, _SYN | _ACK, _ACK), np.uint8), len(who)))

    def moving(self, packets: int) -> Iterator[np.ndarray]:
        """Every packet is of any connection and either direction; every second one carries data."""
        for _ in range(-(-packets // self._batch)):
            kinds = self._random.integers(0, 4, self._batch, np.uint8)
            yield self._make(self._random.integers(0, len(self._next), self._batch), kinds & 1,
                             np.where(kinds & 2, _PSH | _ACK, _ACK).astype(np.uint8))

    def _make(self, who: np.ndarray, way: np.ndarray, flags: np.ndarray) -> np.ndarray:
        records = self._records[: len(who)]
        _fill(records, who, way, flags, self._next, self._tsval, START_NS + self._made * STEP_NS)
        self._made += len(who)
        return records

    @property
    def now_ns(self) -> int:
        """Packet time that is reached."""
        return START_NS + self._made * STEP_NS


@njit(cache=True, nogil=True)
def _fill(records, who, way, flags, next_seq, tsval, time_ns):
    """way: uint8 (n,), 1 from the server. flags: uint8 (n,), of TCP; with PSH a segment carries data."""
    for i in range(len(records)):
        record, c, w = records[i], who[i], int64(way[i])
        record.time_ns = time_ns + i * _STEP_NS
        record.class_mask = uint64(1)
        client, server = uint64(_MAPPED + _CLIENTS + c), uint64(_MAPPED + _SERVER_NET + c % _SERVERS)
        client_port, server_port = uint16(1024 + c % 60_000), uint16(_PORT if c % _FTP_EVERY else _FTP_PORT)
        record.src_lo, record.dst_lo = (server, client) if w else (client, server)
        record.src_port, record.dst_port = (server_port, client_port) if w else (client_port, server_port)
        record.protocol, record.ip_version, record.ttl = uint8(6), uint8(4), uint8(60)
        size = _DATA_OCTETS if flags[i] & _PSH else 0
        record.flags = uint32(_FLAGS | (_OPTIONS if flags[i] & _SYN else 0))
        record.ip_octets, record.wire_octets, record.payload_octets = uint32(52 + size), uint32(66 + size), uint32(size)
        record.tcp_flags, record.tcp_window = uint16(flags[i]), uint16(8192)
        record.tcp_mss, record.tcp_window_scale = uint16(_DATA_OCTETS), uint8(7)
        record.tcp_seq = next_seq[c, w]
        record.tcp_ack = next_seq[c, 1 - w] if flags[i] & _ACK else uint32(0)
        next_seq[c, w] += uint32(size + ((flags[i] & _SYN) != 0))
        tsval[c, w] = uint32(time_ns // 1_000_000 + 1)
        record.tcp_tsval = tsval[c, w]
        record.tcp_tsecr = tsval[c, 1 - w]
        record.signature = uint64(record.time_ns) * _ODD
