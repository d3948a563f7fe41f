"""What a made network is: hops in a row with segments between them, and flows that cross it either way."""

from __future__ import annotations

from dataclasses import dataclass

SECOND, MS = 10**9, 10**6


@dataclass(frozen=True)
class Segment:
    """Between two hops; the same for both directions.

    jitter_ns   mean of what is added to delay_ns, exponentially distributed; the order of packets is kept all the same
    loss        share of packets lost, in runs of `burst` on average (Gilbert)
    duplicate   probability of a second copy, up to 1 ms behind
    held        probability of being held back for held_ns, so that others overtake
    mtu         IPv4 packets that are longer are cut into fragments; 0: none is
    nat         sources on the side of the first hop become PUBLIC, with other ports and identifications
    """

    delay_ns: int = 10 * MS
    jitter_ns: int = 0
    loss: float = 0
    burst: float = 1
    duplicate: float = 0
    held: float = 0
    held_ns: int = 5 * MS
    mtu: int = 0
    nat: bool = False


@dataclass(frozen=True)
class Hop:
    """Where packets are recorded. points: number of alternatives, which take turns every flap_ns; clock_ns: how far they are ahead.

    overlooked  share of packets that the recording lacks though they passed
    """

    name: str
    points: int = 1
    flap_ns: int = SECOND
    clock_ns: int = 0
    overlooked: float = 0


@dataclass(frozen=True)
class Flow:
    """count packets, gap_ns apart on average (exponential), of `octets` of payload on average.

    back    from the last hop to the first
    enters  at that hop of its way, from 0, not at the first
    equal   every equal-th packet is the same octet by octet; 0: none. They are never closer than four gaps
    cut     payload of `octets` that the sender itself cuts into fragments of that length; 0: it does not
    """

    src: str
    dst: str
    protocol: str = "udp"
    src_port: int = 0
    dst_port: int = 0
    count: int = 200
    gap_ns: int = 10 * MS
    octets: int = 300
    back: bool = False
    enters: int = 0
    equal: int = 0
    cut: int = 0


@dataclass(frozen=True)
class Network:
    """hops: two or more; segments: one less. per: packet or datagram, as it is to be measured."""

    name: str
    hops: tuple[Hop, ...]
    segments: tuple[Segment, ...]
    flows: tuple[Flow, ...]
    per: str = "packet"
    seed: int = 1
