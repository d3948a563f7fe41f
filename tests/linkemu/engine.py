"""Decides what happens to every frame of an emulated link, and when. No sockets, no clock: `now_ns` is passed in.

Each direction has its own generator, and each frame takes the same number of draws from it whatever is asked of the
link: the fate of the n-th frame of a direction depends on the seed, on n and on the impairment, and on nothing else
(the rate limit excepted, which depends on arrival times as it must).
"""

import heapq
from dataclasses import asdict, dataclass
from random import Random

from tests.linkemu.corruption import ETHERNET_HEADER, damage_unseen, invert_one_bit
from tests.linkemu.impairment import Direction, Fate, Impairment
from tests.linkemu.vlan import ETHERNET_ADDRESSES, VlanRule, carried

MAX_IN_FLIGHT = 100_000
"""Frames that the link holds at most; beyond, arriving frames meet the fate of a full queue."""

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One copy of a frame on its way to the far end."""

    direction: Direction
    seq: int
    copy: int
    """0 for the frame itself, 1 for its duplicate."""
    phase: int
    arrival_ns: int
    planned_ns: int
    held_back: bool
    corrupted: bool
    frame: bytes
    """For the host at the far end: tags taken off."""
    carried: bytes
    """As the tap at the far end sees it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What was decided about one frame that came in."""

    direction: Direction
    seq: int
    phase: int
    arrival_ns: int
    fate: Fate
    carried: bytes
    """As the tap at the near end sees it."""
    deliveries: tuple[Delivery, ...]


@dataclass(slots=True)
class Counts:
    """What one direction did so far, in frames. received = forwarded + lost + queue_drop."""

    received: int = 0
    received_octets: int = 0
    forwarded: int = 0
    lost: int = 0
    queue_drop: int = 0
    duplicated: int = 0
    held_back: int = 0
    corrupted: int = 0

    def as_dict(self) -> dict[str, int]:
        """The counters by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Draws:
    """The random numbers of one frame, each uniform in [0, 1)."""

    loss: float
    duplicate: float
    reorder: float
    corrupt: float
    jitter: float
    copy_jitter: float
    bit: float


class _Lane:
    """State of one direction."""

    def __init__(self, direction: Direction, impairment: Impairment, seed: int) -> None:
        self.direction = direction
        self.impairment = impairment
        self.counts = Counts()
        self.last_planned_ns = 0
        self.busy_until_ns = 0
        self._random = Random(f"{seed}/{direction}")

    def draw(self) -> _Draws:
        return _Draws(*(self._random.random() for _ in range(7)))

    def departure_ns(self, octets: int, now_ns: int) -> int | None:
        """When the last bit of this frame has passed the rate limit; None when the queue has no room for it."""
        rate_bps = self.impairment.rate_bps
        if not rate_bps:
            return now_ns
        start_ns = max(now_ns, self.busy_until_ns)
        queued_octets = (start_ns - now_ns) * rate_bps // (8 * _NS_PER_S)
        if start_ns > now_ns and queued_octets + octets > self.impairment.queue_octets:
            return None
        self.busy_until_ns = start_ns + octets * 8 * _NS_PER_S // rate_bps
        return self.busy_until_ns

    def in_order(self, planned_ns: int) -> int:
        """Not before anything that was planned earlier."""
        self.last_planned_ns = max(self.last_planned_ns, planned_ns)
        return self.last_planned_ns


class LinkEngine:
    """Both directions of a link: frames in at one end, deliveries out at the other."""

    def __init__(
        self,
        west_to_east: Impairment,
        east_to_west: Impairment,
        *,
        seed: int = 1,
        vlan_rules: tuple[VlanRule, ...] = (),
    ) -> None:
        self._lanes = {
            Direction.WEST_TO_EAST: _Lane(Direction.WEST_TO_EAST, west_to_east, seed),
            Direction.EAST_TO_WEST: _Lane(Direction.EAST_TO_WEST, east_to_west, seed),
        }
        self._vlan_rules = vlan_rules
        self._in_flight: list[tuple[int, int, Delivery]] = []
        self._serial = 0
        self.phase = 0

    @property
    def in_flight(self) -> int:
        """Copies of frames that are still on their way."""
        return len(self._in_flight)

    def counts(self, direction: Direction) -> Counts:
        """The counters of one direction (live, not a copy)."""
        return self._lanes[direction].counts

    def impair(self, west_to_east: Impairment, east_to_west: Impairment) -> int:
        """Other impairments from now on, for frames still to come; gives the number of the new phase (from 0)."""
        self._lanes[Direction.WEST_TO_EAST].impairment = west_to_east
        self._lanes[Direction.EAST_TO_WEST].impairment = east_to_west
        self.phase += 1
        return self.phase

    def receive(self, frame: bytes, direction: Direction, now_ns: int) -> Arrival:
        """Takes in one frame that arrived at the near end of `direction`, and decides its fate."""
        lane = self._lanes[direction]
        draws = lane.draw()
        on_link = carried(frame, self._vlan_rules)
        seq = lane.counts.received
        lane.counts.received += 1
        lane.counts.received_octets += len(on_link)
        deliveries: tuple[Delivery, ...] = ()
        departure_ns = None if self.in_flight >= MAX_IN_FLIGHT else lane.departure_ns(len(on_link), now_ns)
        if departure_ns is None:
            fate = Fate.QUEUE_DROP
            lane.counts.queue_drop += 1
        elif draws.loss < lane.impairment.loss:
            fate = Fate.LOST
            lane.counts.lost += 1
        else:
            fate = Fate.FORWARDED
            lane.counts.forwarded += 1
            deliveries = self._plan(lane, seq, frame, on_link, now_ns, departure_ns, draws)
        return Arrival(direction, seq, self.phase, now_ns, fate, on_link, deliveries)

    def due(self, now_ns: int) -> list[Delivery]:
        """The deliveries whose time has come, in the order of their planned times."""
        ready = []
        while self._in_flight and self._in_flight[0][0] <= now_ns:
            ready.append(heapq.heappop(self._in_flight)[2])
        return ready

    def next_timer(self) -> int | None:
        """When `due` will next have something to give, ns; None when nothing is on its way."""
        return self._in_flight[0][0] if self._in_flight else None

    def abandon(self) -> list[Delivery]:
        """Gives up and returns what is still on its way (the link is being closed)."""
        left = [delivery for _, _, delivery in sorted(self._in_flight, key=lambda entry: entry[:2])]
        self._in_flight.clear()
        return left

    def _plan(
        self, lane: _Lane, seq: int, frame: bytes, on_link: bytes, now_ns: int, departure_ns: int, draws: _Draws
    ) -> tuple[Delivery, ...]:
        impairment = lane.impairment
        held_back = draws.reorder < impairment.reorder
        corrupted = draws.corrupt < impairment.corrupt and len(frame) > ETHERNET_HEADER
        natural_ns = departure_ns + impairment.delay_ns + int(draws.jitter * impairment.jitter_ns)
        planned_ns = max(natural_ns, lane.last_planned_ns)
        times_ns = [planned_ns + impairment.reorder_extra_ns if held_back else lane.in_order(planned_ns)]
        if draws.duplicate < impairment.duplicate:
            copy_ns = times_ns[0] + int(draws.copy_jitter * impairment.jitter_ns)
            times_ns.append(copy_ns if held_back else lane.in_order(copy_ns))
            lane.counts.duplicated += 1
        lane.counts.held_back += held_back
        lane.counts.corrupted += corrupted
        if corrupted:
            tag_octets = len(on_link) - len(frame)
            # The draw that decided on corruption also decides which sort: those below the share of the unseen one.
            unseen = draws.corrupt < impairment.corrupt * impairment.corrupt_unseen
            frame = (damage_unseen if unseen else invert_one_bit)(frame, draws.bit)
            on_link = on_link[: ETHERNET_ADDRESSES + tag_octets] + frame[ETHERNET_ADDRESSES:]
        deliveries = tuple(
            Delivery(lane.direction, seq, copy, self.phase, now_ns, time_ns, held_back, corrupted, frame, on_link)
            for copy, time_ns in enumerate(times_ns)
        )
        for delivery in deliveries:
            self._serial += 1
            heapq.heappush(self._in_flight, (delivery.planned_ns, self._serial, delivery))
        return deliveries
