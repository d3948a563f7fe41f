"""Which father process reads which source, and into which lane (ring) it writes.

Sources that share a lane are in order of time only about, as far as they are read in turns. What the child must put in order
has a lane of its own: the two directions of a link, and the parts of a device that several fathers share.
"""

from __future__ import annotations

from dataclasses import dataclass

from tmon_common.config.interfaces import MAX_FATHERS
from tmon_common.config.model import Probe
from tmon_probe.ring import Ring
from tmon_probe.ring_memory import RingMemory


@dataclass(frozen=True)
class Member:
    """A source: the number of its interface in the probe, which of the interface's fathers reads it; father and lane numbers."""

    interface: int
    part: int
    father: int
    lane: int


@dataclass(frozen=True)
class LanePlan:
    """members      in the order of the interfaces, one for each of an interface's fathers

    lanes       how many there are
    father_cpus     CPU of each father process; the first, the probe's main process, reads the first source
    """

    members: tuple[Member, ...]
    lanes: int
    father_cpus: tuple[int, ...]

    def read_by(self, father: int) -> list[Member]:
        return [m for m in self.members if m.father == father]


def plan_lanes(probe: Probe) -> LanePlan:
    """One father process a CPU. ValueError, with the cure, if there are too many."""
    cpus: list[int] = []
    members: list[Member] = []
    shared: dict[int, int] = {}  # father: the lane of its ordinary interfaces
    lanes = 0
    for number, interface in enumerate(probe.interfaces):
        for part in range(interface.fathers):
            cpu = interface.father_cpus[part] if interface.father_cpus else probe.father_cpu + part
            if cpu not in cpus:
                cpus.append(cpu)
            father = cpus.index(cpu)
            lane = lanes
            if not interface.link and interface.fathers == 1:
                lane = shared.setdefault(father, lanes)
            members.append(Member(number, part, father, lane))
            lanes = max(lanes, lane + 1)
    if len(cpus) > MAX_FATHERS:
        raise ValueError(f"{len(cpus)} CPUs for fathers; a probe has at most {MAX_FATHERS}: give several interfaces the same "
                         "father_cpus")
    return LanePlan(tuple(members), lanes, tuple(cpus))


class Lanes:
    """The rings of a probe, side by side in one memory. Made before the processes are forked."""

    def __init__(self, count: int, slots: int, octets: int) -> None:
        self.memory = RingMemory(count, slots, octets)
        self.rings = tuple(Ring(slots, octets, self.memory, lane) for lane in range(count))

    def hurry(self) -> None:
        """Somebody waits for the end."""
        for ring in self.rings:
            ring.hurry()

    def cut(self) -> None:
        """Nobody waits any longer."""
        for ring in self.rings:
            ring.cut()

    def end(self) -> None:
        """Of all that has been written, nothing more will come: every producer has ended, or is dead."""
        for ring in self.rings:
            ring.end()

    def close(self) -> None:
        for ring in self.rings:
            ring.close()
        self.memory.close()
