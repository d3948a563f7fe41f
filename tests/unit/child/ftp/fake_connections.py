"""A slow, obvious stand-in for `Connections`: a dictionary of five-tuples, packet by packet. Good for whole, undamaged captures."""

import numpy as np
from tmon_probe.child.tcp.layout import CAPTURE_END, CONNECTION, FIN_ENDED, RST_ENDED

from tmon_probe import records as r

LINGER_NS = 10_000_000_000
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16


class FakeConnections:
    """See the contract of tmon_probe.child.tcp.connections.Connections."""

    def __init__(self) -> None:
        self._living: dict[frozenset, dict] = {}
        self._by_slot: dict[int, dict] = {}
        self._serial = 0
        self._listeners = []
        self.wanted: set[str] = set()
        self.follows_ftp_data = False

    def want(self, metrics) -> None:
        self.wanted |= set(metrics)

    def follow_ftp_data(self) -> None:
        self.follows_ftp_data = True

    def listen(self, on_ended) -> None:
        self._listeners.append(on_ended)

    def process(self, batch) -> None:
        self.of_record = np.full(len(batch.records), -1, np.int32)
        self.from_server = np.zeros(len(batch.records), np.uint8)
        opened = []
        for i in range(batch.first, batch.count):
            record = batch.records[i]
            if not record["flags"] & r.HAS_TCP or record["flags"] & r.QUOTED:
                continue
            source, destination = (((int(record[f"{s}_hi"]), int(record[f"{s}_lo"])), int(record[f"{s}_port"]))
                                   for s in ("src", "dst"))
            key = frozenset((source, destination))
            flags, known = int(record["tcp_flags"]), self._living.get(key)
            if known is not None and flags & (_SYN | _ACK) == _SYN and known["ended_by"] is not None:
                self._end(known)
                known = None
            if known is None:
                syn_ack = flags & (_SYN | _ACK) == _SYN | _ACK
                known = {"client": destination if syn_ack else source, "server": source if syn_ack else destination,
                         "serial": self._serial, "slot": self._serial, "from_start": bool(flags & _SYN), "ended_by": None,
                         "start": int(record["time_ns"]), "closed_by": 0, "octets": [{}, {}], "fins": set(), "key": key}
                self._serial += 1
                self._living[key] = self._by_slot[known["slot"]] = known
                opened.append((known["slot"], i))
            self._look(known, record, source != known["client"], i)
        self.opened = np.array([s for s, _ in opened], np.int32)
        self.opened_by = np.array([i for _, i in opened], np.int64)

    def _look(self, known: dict, record, from_server: bool, i: int) -> None:
        flags, time_ns = int(record["tcp_flags"]), int(record["time_ns"])
        self.of_record[i], self.from_server[i] = known["slot"], from_server
        start = int(record["tcp_seq"]) + bool(flags & _SYN)
        for n in range(int(record["payload_octets"])):
            known["octets"][from_server][(start + n) % 2**32] = True
        if known["ended_by"] is None:
            known["end"] = time_ns
            if flags & (_FIN | _RST):
                known["closed_by"] = known["closed_by"] or 1 + from_server
            if flags & _RST:
                known["ended_by"] = RST_ENDED
            elif flags & _FIN:
                known["fins"].add(from_server)
                if len(known["fins"]) == 2:
                    known["ended_by"] = FIN_ENDED

    def flush(self, now_ns: int) -> None:
        for known in list(self._living.values()):
            if known["ended_by"] is not None and now_ns - known["end"] > LINGER_NS:
                self._end(known)

    def finish(self) -> None:
        for known in list(self._living.values()):
            self._end(known)

    def peek(self, slots: np.ndarray) -> np.ndarray:
        return np.array([self._state(self._by_slot[int(slot)]) for slot in slots], CONNECTION)

    def _end(self, known: dict) -> None:
        if known["ended_by"] is None:
            known["ended_by"] = CAPTURE_END
        del self._living[known["key"]]
        for listener in self._listeners:
            listener(np.array([self._state(known)], CONNECTION))

    def _state(self, known: dict) -> np.void:
        state = np.zeros(1, CONNECTION)[0]
        for side in ("client", "server"):
            (state[f"{side}_hi"], state[f"{side}_lo"]), state[f"{side}_port"] = known[side]
        for name in ("serial", "slot", "from_start", "closed_by"):
            state[name] = known[name]
        state["start_ns"], state["end_ns"], state["ended_by"] = known["start"], known["end"], known["ended_by"] or 0
        state["unique_octets"] = [len(octets) for octets in known["octets"]]
        return state
