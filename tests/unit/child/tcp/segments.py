"""TCP segments as packet records, and connections fed with them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tmon_probe import records as r
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.round_trips.sample import SAMPLE
from tmon_probe.child.tcp.connections import Connections
from tmon_probe.child.tcp.layout import CONNECTION
from tmon_probe.child.tcp.settings import Settings, settings_of
from tmon_probe.records import PACKET

SECOND = 1_000_000_000
MS = 1_000_000
START = 1_700_000_000 * SECOND
FIN, SYN, RST, PSH, ACK, ECE, CWR = 0x01, 0x02, 0x04, 0x08, 0x10, 0x40, 0x80
CLIENT, SERVER = (0xFFFF0A000001, 40000), (0xFFFF0A000002, 80)
METRICS = ("tcp_handshake_server", "tcp_handshake_client", "tcp_timestamps", "tcp_data")
_NO_OCTETS = np.zeros((1, 1), np.uint8)


def segment(at_ms: float, side: int = 0, seq: int = 0, ack: int | None = None, octets: int = 0, flags: int = 0, *,
            window: int = 1000, client=CLIENT, server=SERVER, ts: tuple[int, int] | None = None, mss: int = 0,
            scale: int | None = None, sack: int = 0, sack_permitted: bool = False, tos: int = 0, **fields) -> np.ndarray:
    """A PACKET record of the client (side 0) or the server (1), at_ms after START; ack: with the flag ACK. Numbers modulo 2**32."""
    record = np.zeros(1, PACKET)
    source, destination = (client, server) if side == 0 else (server, client)
    record["src_lo"], record["src_port"] = source
    record["dst_lo"], record["dst_port"] = destination
    record["time_ns"] = START + round(at_ms * MS)
    record["class_mask"], record["protocol"], record["ip_version"], record["tos"] = 1, 6, 4, tos
    record["tcp_seq"], record["payload_octets"], record["tcp_window"] = seq % 2**32, octets, window
    record["tcp_ack"] = (ack or 0) % 2**32
    record["tcp_flags"] = flags | (0 if ack is None else ACK)
    bits = r.HAS_TCP | r.HAS_PORTS
    if ts:
        bits |= r.HAS_TIMESTAMPS
        record["tcp_tsval"], record["tcp_tsecr"] = ts
    if mss:
        bits, record["tcp_mss"] = bits | r.HAS_MSS, mss
    if scale is not None:
        bits, record["tcp_window_scale"] = bits | r.HAS_WINDOW_SCALE, scale
    if sack:
        bits, record["sack_blocks"] = bits | r.HAS_SACK, sack
    record["flags"] = bits | (r.SACK_PERMITTED if sack_permitted else 0)
    for name, value in fields.items():
        record[name] = value
    return record


def handshake(client_isn: int = 100, server_isn: int = 500, at_ms: float = 0, **fields) -> list[np.ndarray]:
    """SYN, SYN-ACK 20 ms later, ACK 10 ms after that."""
    return [segment(at_ms, 0, client_isn, flags=SYN, **fields),
            segment(at_ms + 20, 1, server_isn, client_isn + 1, flags=SYN, **fields),
            segment(at_ms + 30, 0, client_isn + 1, server_isn + 1, **fields)]


class Told:
    """Connections, and everything they told. settings: of the class, with changes."""

    def __init__(self, metrics: Sequence[str] = METRICS, points: Sequence[int] = (0,), **changes) -> None:
        settings: Settings = replace(settings_of(()), **changes)
        self.connections = Connections(settings, 0, list(points))
        self.connections.want(metrics)
        self.rows = np.zeros(0, CONNECTION)
        self.samples = np.zeros(0, SAMPLE)
        self.connections.listen(self._take)

    def _take(self, states: np.ndarray) -> None:
        self.rows = np.concatenate([self.rows, states])

    def process(self, records: Sequence[np.ndarray] | np.ndarray, batch: int = 8192) -> "Told":
        records = np.concatenate(list(records)) if isinstance(records, (list, tuple)) else records
        for at in range(0, len(records), batch):
            part = records[at : at + batch]
            flow = np.zeros((1, len(part)), np.int32)
            self.connections.process(FlowBatch(part, 0, len(part), flow, flow.view(np.uint8), np.zeros(1, np.int64),
                                               np.zeros(len(part), np.int16), _NO_OCTETS, _NO_OCTETS))
            self.samples = np.concatenate([self.samples, self.connections.samples])
        return self

    def flush(self, at_ms: float) -> "Told":
        self.connections.flush(START + round(at_ms * MS))
        self.samples = np.concatenate([self.samples, self.connections.samples_aged])
        return self

    def finish(self) -> "Told":
        self.connections.finish()
        self.samples = np.concatenate([self.samples, self.connections.samples_aged])
        return self

    @property
    def only(self) -> np.void:
        """The one connection told so far."""
        assert len(self.rows) == 1
        return self.rows[0]


def connection(records: Sequence[np.ndarray], **changes) -> np.void:
    """What is told of the one connection of these records."""
    return Told(**changes).process(records).finish().only
