"""What an agent is made of: services, each a way to answer or to tell, side by side in one event loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tmon_common.config.model import Agent, Configuration

if TYPE_CHECKING:
    from tmon_agent.view import View


class ServiceError(Exception):
    """A service cannot do its work: the message says which, why, and what to do."""


@dataclass(frozen=True)
class Setting:
    """What a service is made from.

    kind    "probe" or "collector", of the program that is watched; name: of it
    agent   where it answers; who may ask and who is told is in configuration.monitoring
    """

    kind: str
    name: str
    agent: Agent
    configuration: Configuration

    @property
    def program(self) -> str:
        """For messages."""
        return f"{self.kind} {self.name}"


@dataclass
class Counts:
    """What a service counts of itself, for the other services to show. Written by its owner, read by all."""

    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, number: int = 1) -> None:
        self.numbers[name] = self.numbers.get(name, 0) + number

    def snapshot(self) -> Mapping[str, int]:
        return dict(self.numbers)


class Service(Protocol):
    """A way to answer or to tell. Made without effect; everything begins with `run`."""

    async def run(self, view: View) -> None:
        """Until it is cancelled; then, within END_PATIENCE_S, what is still to be told. ServiceError if it cannot do its work."""
        ...


END_PATIENCE_S = 2.0
