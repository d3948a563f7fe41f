"""One direction of a control connection: octets in order out of segments, RFC 9293 section 3.4."""

from __future__ import annotations

MAX_HELD_SEGMENTS = 32
MAX_HELD_OCTETS = 1 << 14
"""What came too early and waits; beyond that the octets before it are given up."""
HOLD_NS = 10_000_000_000
"""And so long."""
_SPACE = 1 << 32


class Stream:
    """What is given out: pieces (bytes) in order, and None where octets are missing, before the piece that follows them.

    gaps    how often octets were given up
    """

    def __init__(self) -> None:
        self._next: int | None = None
        self._held: dict[int, tuple[bytes, int]] = {}  # sequence number -> octets, and when they came
        self._held_octets = 0
        self.gaps = 0

    def begin(self, sequence: int) -> None:
        """A SYN was seen: data begin after its sequence number. Nothing if they have begun."""
        if self._next is None:
            self._next = (sequence + 1) % _SPACE

    @property
    def following(self) -> int | None:
        """Sequence number that comes next; None if that is not known."""
        return self._next

    @property
    def in_order(self) -> bool:
        """Nothing waits for what is before it."""
        return not self._held

    def expect(self, sequence: int | None) -> None:
        """What comes next, after others have read the stream so far."""
        self._next = sequence

    def add(self, sequence: int, octets: bytes, now_ns: int) -> list[bytes | None]:
        """A segment. A stream whose SYN was not seen begins with the first one. What came before wins over what repeats it."""
        if not octets:
            return []
        if self._next is None:
            self._next = sequence
        early = _distance(sequence, self._next)
        if early <= 0:
            return self._take(octets[-early:]) + self._follow()
        self._hold(sequence, octets, now_ns)
        out: list[bytes | None] = []
        while len(self._held) > MAX_HELD_SEGMENTS or self._held_octets > MAX_HELD_OCTETS or (
                self._held and now_ns - min(came for _, came in self._held.values()) > HOLD_NS):
            out += self._skip()
        return out

    def acknowledged(self, number: int) -> list[bytes | None]:
        """The receiver acknowledges all before `number`: what is missing before that passed unseen."""
        out: list[bytes | None] = []
        while self._held and _distance(number, self._first_held()) >= 0:
            out += self._skip()
        return out

    def rest(self) -> list[bytes | None]:
        """Nothing more comes: what is held, gaps and all."""
        out: list[bytes | None] = []
        while self._held:
            out += self._skip()
        return out

    def _take(self, octets: bytes) -> list[bytes | None]:
        if not octets:
            return []
        self._next = (self._next + len(octets)) % _SPACE
        return [octets]

    def _hold(self, sequence: int, octets: bytes, now_ns: int) -> None:
        before, came = self._held.get(sequence, (b"", now_ns))
        if len(octets) > len(before):
            self._held[sequence] = before + octets[len(before) :], came
            self._held_octets += len(octets) - len(before)

    def _follow(self) -> list[bytes | None]:
        """What was held and is next now."""
        out: list[bytes | None] = []
        while self._held:
            first = self._first_held()
            early = _distance(first, self._next)
            if early > 0:
                break
            octets, _ = self._held.pop(first)
            self._held_octets -= len(octets)
            out += self._take(octets[-early:])
        return out

    def _skip(self) -> list[bytes | None]:
        """Give up what is missing before the first octets held."""
        self.gaps += 1
        self._next = self._first_held()
        return [None, *self._follow()]

    def _first_held(self) -> int:
        return min(self._held, key=lambda sequence: _distance(sequence, self._next))


def _distance(to: int, origin: int) -> int:
    """Octets from one sequence number to another, signed: -2**31 to 2**31 - 1."""
    return (to - origin + _SPACE // 2) % _SPACE - _SPACE // 2
