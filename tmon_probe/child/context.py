"""What analysers are given when they are made: the world they live in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tmon_common.config.model import Analysis, Configuration, FlowClass, Interface, Probe
from tmon_common.observations import Rows
from tmon_probe.child.flows import Spec
from tmon_probe.demand import Service

if TYPE_CHECKING:
    from tmon_probe.child.tcp.connections import Connections

Emit = Callable[[Rows], None]
"""Where an analyser puts finished rows: they are published."""


def _nothing_waits() -> None:
    """Where nothing is put together."""


@dataclass(frozen=True)
class Task:
    """One granular flow definition that asks for an analysis. number: position in FlowBatch.flow."""

    number: int
    spec: Spec
    analysis: Analysis


@dataclass
class Context:
    """emit: takes finished rows. services: those that classes of this probe ask for, by bit. shared: connections by class bit.

    waiting_since   packet time of the oldest fragment that waits for others of its datagram; None if none does
    """

    configuration: Configuration
    probe: Probe
    emit: Emit
    services: Sequence[Service] = ()
    classes: Sequence[FlowClass] = ()
    shared: dict[int, Connections] = field(default_factory=dict)
    waiting_since: Callable[[], int | None] = _nothing_waits

    def service_bits(self, service: Service) -> int:
        """Bits in `service` of packet records of a service that the analysis asks for (see `Demand`); 0 if nobody does."""
        return sum(1 << bit for bit, s in enumerate(self.services) if s == service)

    def connections(self, task: Task) -> Connections:
        """The TCP connections of the task's class. Every analyser that asks gets the same; they are brought up to date first."""
        bit = task.spec.bit
        if bit not in self.shared:
            from tmon_probe.child.tcp.connections import Connections  # compiled kernels, for those who need them
            from tmon_probe.child.tcp.settings import settings_of

            self.shared[bit] = Connections(settings_of(self.classes[bit].analyses), bit, points_of(self.probe.interfaces))
        return self.shared[bit]


def points_of(interfaces: Sequence[Interface]) -> list[int]:
    """Observation point of each interface: its number, but the two of a link, which see a direction each, are one point."""
    first: dict[str, int] = {}
    return [first.setdefault(i.link, n) if i.link else n for n, i in enumerate(interfaces)]
