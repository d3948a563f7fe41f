"""What an agent is made of: services, each a way to answer or to tell, side by side in one event loop."""

from __future__ import annotations

from dataclasses import dataclass
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


class Service(Protocol):
    """A way to answer or to tell. Made without effect; everything begins with `run`."""

    async def run(self, view: View) -> None:
        """Until it is cancelled; then, within END_PATIENCE_S, what is still to be told. ServiceError if it cannot do its work."""
        ...


END_PATIENCE_S = 2.0
