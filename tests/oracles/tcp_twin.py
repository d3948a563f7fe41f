"""One direction of a TCP connection, octet by octet in Python sets: slow and obvious."""

from dataclasses import dataclass, field

HALF = 1 << 31


def near(number: int, reference: int) -> int:
    """The integer nearest to `reference` that is `number` modulo 2**32."""
    return reference + (number - reference + HALF) % (1 << 32) - HALF


@dataclass
class Direction:
    """isn: of the SYN, None if it was not seen. Numbers are kept without a limit."""

    isn: int | None = None
    seen: set[int] = field(default_factory=set)
    highest: int = 0  # after the highest octet seen
    known: bool = False
    octets: int = 0
    segments: int = 0
    retransmitted_segments: int = 0
    retransmitted_octets: int = 0
    out_of_order_segments: int = 0
    waiting: dict[int, int] = field(default_factory=dict)  # number after a segment -> when it passed
    acked: int | None = None
    round_trips: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.isn is not None:
            self.highest, self.known = self.isn + 1, True

    def data(self, seq: int, octets: int, time_ns: int) -> None:
        """A segment with `octets` of payload from sequence number `seq` on."""
        start = near(seq, self.highest) if self.known else seq
        wanted = range(start, start + octets)
        new = [n for n in wanted if n not in self.seen]
        self.octets += octets
        self.segments += 1
        self.retransmitted_octets += octets - len(new)
        self.retransmitted_segments += len(new) < octets
        self.out_of_order_segments += any(n < self.highest for n in new) and self.known
        if self.known and start < self.highest:  # what waits behind it was sent before
            self.waiting = {end: sent for end, sent in self.waiting.items() if end <= start}
        else:
            self.waiting[start + octets] = time_ns
        self.seen.update(wanted)
        self.highest, self.known = max(self.highest, start + octets) if self.known else start + octets, True

    def ack(self, number: int, time_ns: int) -> None:
        """An acknowledgement from the other side."""
        number = near(number, self.highest)
        if self.acked is not None and number <= self.acked:
            return
        self.acked = number
        if number in self.waiting:
            self.round_trips.append(time_ns - self.waiting[number])
        self.waiting = {end: sent for end, sent in self.waiting.items() if end > number}

    @property
    def missing_octets(self) -> int:
        lowest = self.isn + 1 if self.isn is not None else min(self.seen, default=self.highest)
        return self.highest - lowest - len(self.seen)


def echoes(segments: list[tuple[int, int, bool, int, int]]) -> list[tuple[int, int, int]]:
    """Round trips as pping finds them. segments: (time, side, ACK is set, TSval, TSecr) of one connection, in order.

    First appearance of a TSval that is higher than those before it in its direction; first segment of the other direction whose
    TSecr is that. Returns (side that sent the TSval, TSval, round trip).
    """
    first: tuple[dict[int, int], dict[int, int]] = ({}, {})
    highest: list[int | None] = [None, None]
    found = []
    for time, side, acknowledges, tsval, tsecr in segments:
        if highest[side] is None or near(tsval, highest[side]) > highest[side]:
            first[side][tsval] = time
            highest[side] = tsval if highest[side] is None else near(tsval, highest[side])
        if acknowledges and tsecr in first[1 - side]:
            found.append((1 - side, tsecr, time - first[1 - side].pop(tsecr)))
    return found
