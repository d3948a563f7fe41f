"""Datagrams that a collector's socket may get: a few sound ones, and everything else. Seeded; no socket, no clock.

What a datagram must count as follows from docs/protocol.md section 1, written down here a second time (`reason`).
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import numpy as np

from tmon_common.observations import EVENT, FLOW_DEFINITION, FTP_TRANSFER, IP_COUNTERS, Kind
from tmon_common.pdu.ack import pack_acks, pack_heard
from tmon_common.pdu.codec import MAX_PAYLOAD_OCTETS, Encoder
from tmon_common.pdu.contents import (
    MAX_ROWS,
    NO_LAG,
    Heartbeat,
    Observations,
    pack_heartbeat,
    pack_observations,
)
from tmon_common.pdu.header import ACK, COMPRESSED, HEARD, HEARTBEAT, MAX_PDU_OCTETS, OBSERVATIONS, REFUSAL, probe_number
from tmon_common.pdu.keys import Key, new_key
from tmon_common.pdu.session import ProbeSession

COLLECTOR = "collector"
SEALED, PLAIN, MAD = "sealed", "plain", "mad"
"""Declared probes: one with a key, one that goes by CRC, and one with a key that has lost its mind."""
KINDS_OF_MAD = (IP_COUNTERS, FLOW_DEFINITION, FTP_TRANSFER, EVENT)
UNKNOWN_KINDS = (999, 0x8001)
ROWS_OF_SOUND = 3
MAX_KEPT = 512
"""Datagrams sent before, of which later ones are made."""
MAD_RUN_LASTS = 200
STRINGS = ("a", "b")
LONG_STRING = 30_000
MAX_DATAGRAM = 65_507
HEADER = 21
TAG = 16
UNDECIDED = "undecided"
"""A genuine PDU of the mad probe: whatever the collector makes of it."""


class Hostile(NamedTuple):
    """counts_as: a reason of the protocol, `written`, `duplicate`, `heard` (it is answered) or UNDECIDED."""

    octets: bytes
    counts_as: str


class Source:
    """`next()` gives one datagram after the other. rows: flows of the sound rows so far, by probe."""

    def __init__(self, seed: int, run: int) -> None:
        self._random = Random(seed)
        self.keys = {SEALED: new_key("2026-01-01T00:00:00Z"), MAD: new_key("2026-01-01T00:00:00Z")}
        self._numbers = {name: probe_number(name) for name in (SEALED, PLAIN, MAD)}
        self._run = run
        self._sessions = {SEALED: self._session(SEALED), PLAIN: self._session(PLAIN)}
        self._stranger = ProbeSession("stranger", run, COLLECTOR, None)
        self._forger = ProbeSession(SEALED, run, COLLECTOR, (self._key_like(self.keys[SEALED]),))
        self._unsealed = ProbeSession(SEALED, run, COLLECTOR, None)
        self._mad, self._mad_left, self._mad_pdu = self._session(MAD), MAD_RUN_LASTS, 0
        self.rows: dict[str, list[int]] = {SEALED: [], PLAIN: []}
        self._pdus = {SEALED: 0, PLAIN: 0}
        self._written = {SEALED: deque(maxlen=MAX_KEPT), PLAIN: deque(maxlen=MAX_KEPT)}  # type and content
        self._sent: list[bytes] = []  # sealed and sent: another time they are replays
        self._encoders: dict[tuple[Kind, tuple[str, ...]], Encoder] = {}
        self._swollen = self._payload(EVENT, MAX_ROWS, strings=("x" * LONG_STRING,))
        self._bases = [self._payload(kind, n) for kind in KINDS_OF_MAD for n in (1, 3, 40)]
        makers: list[tuple[int, Callable[[], Hostile]]] = [
            (2, self.sound), (2, self._retry), (1, self.heartbeat), (8, self._replay), (10, self._truncated), (1, self._oversized),
            (16, self._header), (20, self._flipped), (10, self._noise), (4, self._unknown_probe), (5, self._answer),
            (4, self._wrong_seal), (5, self._forged), (12, self._gone_mad)]
        self._makers, self._weights = [maker for _, maker in makers], [weight for weight, _ in makers]

    def next(self, count: int) -> list[Hostile]:
        return [maker() for maker in self._random.choices(self._makers, self._weights, k=count)]

    def sound(self, probe: str | None = None) -> Hostile:
        """A PDU with new rows."""
        probe = probe or self._random.choice((SEALED, PLAIN))
        pdu = self._pdus[probe]
        self._pdus[probe] += 1
        flows = range(len(self.rows[probe]), len(self.rows[probe]) + ROWS_OF_SOUND)
        self.rows[probe] += flows
        payload, strings = self._payload(IP_COUNTERS, ROWS_OF_SOUND, flows.start)[2:]
        pdu_type = self._random.choice((OBSERVATIONS, COMPRESSED))
        content = pack_observations(Observations(pdu, 0, IP_COUNTERS.number, ROWS_OF_SOUND, IP_COUNTERS.words, strings))
        content += deflated(payload) if pdu_type == COMPRESSED else payload
        self._written[probe].append((pdu_type, content))
        return Hostile(self._close(probe, pdu_type, content), "written")

    def heartbeat(self, probe: str | None = None) -> Hostile:
        """A sound one."""
        probe = probe or self._random.choice((SEALED, PLAIN))
        content = pack_heartbeat(Heartbeat(self._pdus[probe], 0, self._run >> 16, NO_LAG))
        return Hostile(self._close(probe, HEARTBEAT, content), "heard")

    def reason(self, datagram: bytes) -> str:
        """Why a datagram that is not genuine is refused; "" where that takes the key to say: short, corrupt or replayed."""
        if len(datagram) < HEADER:
            return "short"
        if len(datagram) > MAX_PDU_OCTETS:
            return "oversized"
        if datagram[:2] != b"tm":
            return "foreign"
        if datagram[2] >> 4 != 2:
            return "version"
        if datagram[2] & 15 not in (OBSERVATIONS, HEARTBEAT, COMPRESSED):
            return "type"
        probe = next((name for name, number in self._numbers.items() if number == int.from_bytes(datagram[4:8])), None)
        if probe is None:
            return "unknown_probe"
        if (probe == PLAIN) != (datagram[3] == 0):
            return "unsealed"
        if probe != PLAIN and datagram[3] != self.keys[probe].id:
            return "no_key"
        return ""

    def number(self, probe: str) -> int:
        """How a probe is called in PDUs."""
        return self._numbers[probe]

    # ---- sound, but not new

    def _retry(self) -> Hostile:
        """A PDU that is written, in a datagram of its own."""
        probe = self._random.choice((SEALED, PLAIN))
        if not self._written[probe]:
            return self.sound(probe)
        return Hostile(self._close(probe, *self._random.choice(self._written[probe])), "duplicate")

    def _replay(self) -> Hostile:
        """Sent before, to the octet; it may be so old that the window has forgotten it."""
        return Hostile(self._random.choice(self._sent), "replayed") if self._sent else self.sound(SEALED)

    # ---- not genuine

    def _truncated(self) -> Hostile:
        whole = self._genuine()
        return self._refused(whole[: self._random.randrange(len(whole))])

    def _oversized(self) -> Hostile:
        return self._refused(self._genuine().ljust(self._random.randint(MAX_PDU_OCTETS + 1, MAX_DATAGRAM), b"\0"))

    def _header(self) -> Hostile:
        """One field of the header is another."""
        changed = bytearray(self._genuine())
        start, end = self._random.choice(((0, 2), (2, 3), (3, 4), (4, 8), (8, 16), (16, 21)))
        before = bytes(changed)
        while bytes(changed) == before:
            changed[start:end] = self._random.randbytes(end - start)
        return self._refused(bytes(changed))

    def _flipped(self) -> Hostile:
        """Bits anywhere; octets taken out or put in."""
        changed = bytearray(self._genuine())
        before = bytes(changed)
        for _ in range(self._random.randint(1, 8)):
            at = self._random.randrange(len(changed))
            match self._random.randrange(6):
                case 0 if len(changed) > 1:
                    del changed[at]
                case 1:
                    changed.insert(at, self._random.randrange(256))
                case _:
                    changed[at] ^= 1 << self._random.randrange(8)
        return self._refused(bytes(changed)) if bytes(changed) != before else self._noise()

    def _noise(self) -> Hostile:
        """Random octets, some behind a header that looks right."""
        noise = self._random.randbytes(self._random.choice((0, 1, 20, 21, 25, 37, 100, 1400)))
        if self._random.random() < 0.5:
            noise = self._genuine()[:HEADER] + noise
        return self._refused(noise)

    def _unknown_probe(self) -> Hostile:
        return self._refused(self._stranger.close(HEARTBEAT, pack_heartbeat(Heartbeat(0, 0, 0, NO_LAG))))

    def _answer(self) -> Hostile:
        """What only a collector may say; with a right seal, for the collector would not look at it otherwise."""
        pdu_type = self._random.choice((ACK, REFUSAL, HEARD, 0, 7, 15))
        content = pack_heard(0) if pdu_type == HEARD else pack_acks([0, 1, 2])[0]
        session = self._sessions[self._random.choice((SEALED, PLAIN))]
        datagram = session.close(pdu_type, content)
        return self._refused(datagram)

    def _wrong_seal(self) -> Hostile:
        """A CRC where a key is wanted, the seal of a key where a CRC is."""
        if self._random.random() < 0.5:
            return self._refused(self._unsealed.close(HEARTBEAT, pack_heartbeat(Heartbeat(0, 0, 0, NO_LAG))))
        changed = bytearray(self._genuine(SEALED))
        changed[4:8] = self._numbers[PLAIN].to_bytes(4)
        return self._refused(bytes(changed))

    def _forged(self) -> Hostile:
        """The id of the right key over the seal of another; counters far ahead."""
        content = pack_heartbeat(Heartbeat(self._pdus[SEALED], 0, 0, NO_LAG))
        return self._refused(self._forger.close(HEARTBEAT, content))

    # ---- genuine, and nonsense

    def _gone_mad(self) -> Hostile:
        """Of a probe that has the key: no two words true, some of it well-formed."""
        self._mad_left -= 1
        if not self._mad_left:
            self._mad_left, self._mad_pdu = MAD_RUN_LASTS, 0
            self._mad = self._session(MAD, self._random.getrandbits(64))
        r = self._random
        number, words, payload, strings, rows = self._random.choice([(k.number, k.words, p, s, n) for k, n, p, s in self._bases])
        pdu = r.choice((self._mad_pdu, r.getrandbits(32), max(0, self._mad_pdu - r.randrange(40))))
        self._mad_pdu += 1
        fields = [pdu, r.choice((0, 1, r.getrandbits(32))), number, rows, words, strings]
        match r.randrange(9):
            case 0:
                fields[r.randrange(2, 6)] = r.choice((0, 1, 255, 256, 1024, 1025, 65535))
            case 1:
                fields[2] = r.choice(UNKNOWN_KINDS)
            case 2:
                return Hostile(self._mad.close(HEARTBEAT, r.randbytes(r.choice((0, 8, 23, 24, 25, 200)))), UNDECIDED)
            case 3:
                payload = r.randbytes(r.randrange(300))
            case 4:
                payload = payload[: r.randrange(len(payload) + 1)]
            case 5:
                payload += r.randbytes(r.randrange(1, 9))
            case 6:  # every text of every row is the one long string: 100 octets on the wire, 200 MB in a file
                kind, fields[3], payload, fields[5] = self._swollen
                fields[2], fields[4] = kind.number, kind.words
            case 7:
                changed = bytearray(payload)
                for _ in range(r.randint(1, 4)):
                    changed[r.randrange(len(changed))] = r.choice((0, 0x7F, 0x80, 0xFF, r.randrange(256)))
                payload = bytes(changed)
        if fields[2] not in (*(k.number for k in KINDS_OF_MAD), *UNKNOWN_KINDS):
            fields[2] = UNKNOWN_KINDS[0]
        pdu_type = r.choice((OBSERVATIONS, COMPRESSED))
        if pdu_type == COMPRESSED and r.random() < 0.8:
            payload = deflated(payload)
        limits = (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFF, 0xFFFF, 0xFF, 0xFF)
        content = struct.pack("!IIHHBB", *(n & limit for n, limit in zip(fields, limits, strict=True))) + payload
        return Hostile(self._mad.close(pdu_type, content[: MAX_PDU_OCTETS - HEADER - TAG]), UNDECIDED)

    # ---- material

    def _session(self, probe: str, run: int | None = None) -> ProbeSession:
        return ProbeSession(probe, run or self._run, COLLECTOR, (self.keys[probe],) if probe in self.keys else None)

    def _close(self, probe: str, pdu_type: int, content: bytes) -> bytes:
        datagram = self._sessions[probe].close(pdu_type, content)
        if probe == SEALED:
            if len(self._sent) < MAX_KEPT:
                self._sent.append(datagram)
            else:
                self._sent[self._random.randrange(MAX_KEPT)] = datagram
        return datagram

    def _genuine(self, probe: str | None = None) -> bytes:
        """One that the collector would take, or has taken."""
        probe = probe or self._random.choice((SEALED, PLAIN))
        if self._sent and probe == SEALED and self._random.random() < 0.7:
            return self._random.choice(self._sent)
        pdu_type, content = self._random.choice(self._written[probe]) if self._written[probe] else (OBSERVATIONS, bytes(60))
        return self._sessions[probe].close(pdu_type, content)

    def _refused(self, datagram: bytes) -> Hostile:
        return Hostile(datagram, self.reason(datagram) or "sealing")

    def _payload(self, kind: Kind, rows: int, first: int = 0, strings: tuple[str, ...] = STRINGS) -> tuple[Kind, int, bytes, int]:
        words = np.full((rows, kind.words), first, np.int64)
        words[:, 0] = range(first, first + rows)
        for column in kind.expanded:
            if column.type.name == "STRING":
                words[:, kind.word_of(column.name)] = 0
        encoder = self._encoders.get((kind, strings))
        if encoder is None:
            encoder = self._encoders[kind, strings] = Encoder(kind)
            encoder.offer(list(strings))
        payload = encoder.encode(words, 0, MAX_PAYLOAD_OCTETS)
        return kind, rows, payload.octets, payload.strings

    @staticmethod
    def _key_like(key: Key) -> Key:
        """Another secret with the same id."""
        while (other := new_key(key.made)).id != key.id:
            pass
        return other


def deflated(payload: bytes) -> bytes:
    """As PDUs of type 6 have it."""
    return zlib.compress(payload, 6, -15)
