"""What a segment costs the TCP tracker, and what a connection takes, by the number of connections:
`python -m benchmarks.tcp_states [connections ...]`. Every connection is as likely as any other to have the next segment: the least
that a processor's cache can help. Data one way and its acknowledgement the other, both with timestamps."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.circumstances import machine
from tmon_probe import records as r
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.tcp.connections import Connections
from tmon_probe.child.tcp.settings import settings_of
from tmon_probe.records import PACKET

BATCH = 8192
SEGMENTS = 3_000_000
STEP_NS = 1_000
PAYLOAD = 1_000
ACK, PSH = 0x10, 0x08
_NO_OCTETS = np.zeros((1, 1), np.uint8)


def segments(connection: np.ndarray, visit: np.ndarray, first_ns: int) -> np.ndarray:
    """PACKET records: visit (same shape) of each connection, even ones data of the server, odd ones the client's
    acknowledgement."""
    found = np.zeros(len(connection), PACKET)
    data = visit % 2 == 0
    client, server = connection.astype(np.uint64) + 0xFFFF0A000000, np.uint64(0xFFFFC0A80001)
    port = (1024 + connection % 50_000).astype(np.uint16)
    found["time_ns"] = first_ns + np.arange(len(connection)) * STEP_NS
    found["class_mask"], found["protocol"], found["ip_version"] = 1, 6, 4
    found["flags"] = r.HAS_TCP | r.HAS_PORTS | r.HAS_TIMESTAMPS
    found["src_lo"], found["dst_lo"] = np.where(data, server, client), np.where(data, client, server)
    found["src_port"], found["dst_port"] = np.where(data, 443, port), np.where(data, port, 443)
    sent = 1 + (visit + 1) // 2 * PAYLOAD
    found["tcp_seq"], found["tcp_ack"] = np.where(data, sent, 1), np.where(data, 1, sent)
    found["payload_octets"] = np.where(data, PAYLOAD, 0)
    found["tcp_flags"], found["tcp_window"] = np.where(data, ACK | PSH, ACK), 1000
    found["tcp_tsval"], found["tcp_tsecr"] = visit + 2, visit + 1
    return found


def visits(connections: int, rng: np.random.Generator):
    """Endless batches of (connection, how often it had its turn before): everyone once, in random order, again and again."""
    turn, waiting, order = 0, np.zeros((2, 0), np.int64), np.arange(connections)
    while True:
        while waiting.shape[1] < BATCH:
            rng.shuffle(order)
            waiting = np.concatenate([waiting, np.stack([order, np.full(connections, turn)])], axis=1)
            turn += 1
        yield waiting[:, :BATCH]
        waiting = waiting[:, BATCH:]


def measure(connections: int, wanted: tuple[str, ...]) -> tuple[float, float]:
    """(CPU ns a segment, octets a connection)."""
    tracker = Connections(replace(settings_of(()), max_connections=max(connections, 1024)), 0, [0])
    tracker.want(wanted)
    now_ns, spent_ns, done = 1_700_000_000_000_000_000, 0, -2 * connections  # first the connections begin
    lanes, flow = np.zeros(BATCH, np.int16), np.zeros((1, BATCH), np.int32)
    for connection, visit in visits(connections, np.random.default_rng(1)):
        records = segments(connection, visit, now_ns)
        batch = FlowBatch(records, 0, BATCH, flow, flow.view(np.uint8), np.zeros(1, np.int64), lanes, _NO_OCTETS, _NO_OCTETS)
        now_ns += BATCH * STEP_NS
        before_ns = time.thread_time_ns()
        tracker.process(batch)
        tracker.flush(now_ns)
        if done >= 0:
            spent_ns += time.thread_time_ns() - before_ns
        done += BATCH
        if done >= SEGMENTS:
            break
    assert len(tracker) == connections
    return spent_ns / (SEGMENTS // BATCH * BATCH), tracker.octets() / connections


def main() -> None:
    table = Table(title=machine(), title_justify="left", pad_edge=False, box=box.SIMPLE)
    for heading in ("connections", "ns / segment", "with all round trips", "octets / connection"):
        table.add_column(heading, justify="right")
    for count in map(int, sys.argv[1:] or ("1000", "10000", "100000", "1000000")):
        plain, _ = measure(count, ())
        full, octets = measure(count, ("tcp_handshake_server", "tcp_handshake_client", "tcp_timestamps", "tcp_data"))
        table.add_row(f"{count:,}", f"{plain:.0f}", f"{full:.0f}", f"{octets:.0f}")
    Console(width=120, highlight=False).print(table)


if __name__ == "__main__":
    main()
