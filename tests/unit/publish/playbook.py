"""A publisher and an obedient collector on a fake clock: what the tests of the engine are written with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.keys import RUN, collector_sessions, probe_session
from tmon_common.config.model import Publication
from tmon_common.observations import FLOW_DEFINITION, IP_COUNTERS, ONE_WAY_GAP, ONE_WAY_OBSERVATION, Rows
from tmon_common.pdu.ack import pack_acks, pack_heard
from tmon_common.pdu.codec import Decoder
from tmon_common.pdu.contents import OBSERVATIONS_OCTETS, expand, parse_observations
from tmon_common.pdu.header import ACK, HEARD, HEARTBEAT, probe_number
from tmon_common.pdu.packing import unpacked
from tmon_probe.publish import Publisher

MS = 1_000_000
SECOND = 1000 * MS
WALL_NS = 1_700_000_000_000_000_000
PROBE = probe_number("probe")
NOBODY = 1 << 31
DEFAULT = Publication("collector", "127.0.0.1", 9, max_pdu_octets=317, max_build_ns=2 * SECOND, min_gap_ns=10 * MS, window=4,
                      initial_timeout_ns=SECOND, timeout_increment_ns=SECOND, timeout_multiplier=1.0, max_retries=3,
                      final_timeout_ns=100 * SECOND, heartbeat_ns=0, queue_octets=1 << 20,
                      break_border_ns=0)


def counters(first: int, n: int) -> Rows:
    """n rows of ip_counters of flows first, first + 1, ..., incompressible enough that some 12 fill a PDU of 317 octets."""
    words = np.zeros((n, IP_COUNTERS.words), np.int64)
    words[:, 0] = np.arange(first, first + n)
    words[:, 1:] = np.random.default_rng(first).integers(0, 2**20, (n, IP_COUNTERS.words - 1))
    return Rows.from_words(IP_COUNTERS, words)


def definitions(first: int, n: int) -> Rows:
    words = np.random.default_rng(first).integers(0, 2**20, (n, FLOW_DEFINITION.words))
    words[:, 0] = np.arange(first, first + n)
    words[:, 1:3] = 0
    return Rows.from_words(FLOW_DEFINITION, words, ["all"])


class Playbook:
    """publisher under test, the time, and everything it sent as (time ns, PDU); heartbeats have PDU None.

    PDUs are told by their number in the order in which they were made, not by the id that travels; `id_of` gives that.
    """

    def __init__(self, lossless: bool = False, **changes) -> None:
        self.now = 0
        self.publisher = Publisher(replace(DEFAULT, **changes), probe_session(), lossless=lossless)
        self.sessions = collector_sessions()
        self.sent: list[tuple[int, int | None]] = []
        self.datagrams: dict[int, bytes] = {}
        self.contents: dict[int, bytes] = {}
        self.types: dict[int, int] = {}
        self.ids: dict[int, int] = {}
        self.heartbeats: list[bytes] = []
        self.sizes: list[int] = []  # octets of each sending
        self.flows: set[int] = set()  # what the collector has acknowledged

    def add(self, rows: Rows) -> None:
        self.publisher.add(rows, self.now)

    def step(self) -> list[int | None]:
        """Sends what is due now; returns the ids."""
        ids = []
        while datagrams := self.publisher.datagrams_to_send(self.now, WALL_NS + self.now):
            ids.extend(self._note(datagram) for datagram in datagrams)
        return ids

    def run(self, until: int) -> list[int | None]:
        """Time passes, from timer to timer; returns the ids sent."""
        ids = self.step()
        while (timer := self.publisher.next_timer()) is not None and max(timer, self.now) <= until:
            assert timer > self.now, "a timer that is due did nothing"
            self.now = timer
            ids += self.step()
        self.now = until
        return ids

    def answer(self, *ids: int, pdu_type: int = ACK) -> None:
        """The collector's answer arrives."""
        for content in pack_acks([self.id_of(pdu) for pdu in ids]):
            self.receive(self.sessions.close(PROBE, RUN, pdu_type, content))
        if pdu_type == ACK:
            for pdu in ids:
                self.flows.update(self.flows_of(pdu) if pdu in self.datagrams else ())

    def id_of(self, pdu: int) -> int:
        """Of one that was never sent: an id that nobody has."""
        return self.ids.get(pdu, NOBODY - pdu)

    def hear(self, sent_ns: int) -> None:
        """The collector's answer to a heartbeat arrives; it was sent when its clock showed sent_ns."""
        self.receive(self.sessions.close(PROBE, RUN, HEARD, pack_heard(sent_ns)))

    def receive(self, datagram: bytes) -> None:
        self.publisher.receive(datagram, self.now, WALL_NS + self.now)

    def run_answering(self, until: int, lost=lambda _: False) -> None:
        """As `run`, and each PDU sent is acknowledged at once, but those for which lost(number of the sending) holds."""
        while True:
            seen = len(self.sent)
            self.step()
            for n in range(seen, len(self.sent)):
                if self.sent[n][1] is not None and not lost(n):
                    self.answer(self.sent[n][1])
            timer = self.publisher.next_timer()
            if timer is None or max(timer, self.now) > until:
                self.now = until
                return
            self.now = max(timer, self.now)

    def flows_of(self, pdu: int) -> list[int]:
        """Column `flow` of the rows in a PDU that was sent; nothing of one-way kinds."""
        content = self.contents[pdu]
        header = parse_observations(content)
        if header.kind in (ONE_WAY_OBSERVATION.number, ONE_WAY_GAP.number):
            return []
        payload = unpacked(self.types[pdu], content[OBSERVATIONS_OCTETS:])
        kind = {k.number: k for k in (IP_COUNTERS, FLOW_DEFINITION)}[header.kind]
        out = np.zeros((header.rows, kind.words), np.int64)
        Decoder(kind).decode_into(payload, 0, len(payload), header, out, 0)
        return out[:, 0].tolist()

    def _note(self, datagram: bytes) -> int | None:
        opened = self.sessions.open(datagram)
        pdu = None
        if opened.type == HEARTBEAT:
            self.heartbeats.append(opened.content)
        else:
            pdu_id = parse_observations(opened.content).pdu
            pdu = self.publisher._holdings.sent(expand(pdu_id, self.publisher._next_id)).pdu
            self.ids[pdu] = pdu_id
            self.datagrams[pdu], self.contents[pdu], self.types[pdu] = datagram, opened.content, opened.type
        self.sent.append((self.now, pdu))
        self.sizes.append(len(datagram))
        return pdu
