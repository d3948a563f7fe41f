"""How the main process of a probe gives up its privileges, before it opens anything, and what it hands to itself over an execv."""

from __future__ import annotations

import os
import socket

from tmon_common.config.model import Probe
from tmon_common.events import Event, event
from tmon_common.restart import Handed
from tmon_probe.privileges import capabilities
from tmon_probe.privileges.kept import Kept
from tmon_probe.privileges.needs import named, needs, needs_itself
from tmon_probe.privileges.own import OWN, Privileges

VARIABLE = "TRAFMON_KEEPER"
"""Of a program that starts itself anew: its process id, the channel, the keeper's process id, what that has, what there was."""


class PrivilegesError(Exception):
    """They cannot be given up."""


class PrivilegesGoneError(Exception):
    """What this configuration needs was given up by this very process, when it started with another: it has to be started anew."""


class Remaining:
    """keeper: None where nothing is kept; had: capabilities of the process when it was started first."""

    def __init__(self, keeper: Kept | None, had: frozenset[int]) -> None:
        self.keeper, self.had = keeper, had
        self._told = False

    @property
    def privileges(self) -> Privileges:
        return self.keeper or OWN

    def give_up_the_rest(self) -> None:
        """The interfaces are open: no thread of this process keeps anything. PrivilegesError if one does."""
        capabilities.keep(())
        if threads := capabilities.threads_with_any():
            raise PrivilegesError(f"threads {', '.join(map(str, threads))} were started too early and keep privileges; start the "
                                  "probe without them: no plug-in may start threads when it is loaded")

    def handed_over(self) -> Handed:
        """What goes over an execv."""
        keeper = self.keeper
        channel, pid, kept = (keeper.channel.fileno(), keeper.pid, keeper.capabilities) if keeper else (-1, 0, ())
        told = f"{os.getpid()}:{channel}:{pid}:{_mask(kept)}:{_mask(self.had)}"
        return Handed({VARIABLE: told}, (channel,) if keeper else ())

    def look(self, probe: str, time_ns: int) -> list[Event]:
        """Of the main process, now and then: what there is to tell of the keeper."""
        if self._told or self.keeper is None or self.keeper.look():
            return []
        self._told = True
        return [event("keeper_lost", time_ns, probe)]

    def forget(self) -> None:
        """In a forked process that is to have no way to the keeper."""
        if self.keeper:
            self.keeper.forget()

    def close(self) -> None:
        if self.keeper:
            self.keeper.close()


def give_up(probe: Probe) -> Remaining:
    """To be called when the configuration is known, before anything is opened. What libpcap needs to open a device by itself stays
    until `give_up_the_rest`.

    PrivilegesGoneError after a switch to a configuration that needs more than was kept. Without any privilege nothing happens: what
    takes one fails when it is tried.
    """
    needed = needs(probe)
    taken_over = _taken_over(os.environ.pop(VARIABLE, ""))
    if taken_over is None:
        had = capabilities.permitted()
        keeper = Kept.start(needed & had) if needed & had else None
        capabilities.keep(needs_itself(probe))
        return Remaining(keeper, had)
    keeper = taken_over.keeper
    kept = keeper.capabilities if keeper and keeper.look() else frozenset()
    if gone := ((needed - kept) | needs_itself(probe)) & taken_over.had:
        taken_over.close()
        raise PrivilegesGoneError(f"probe {probe.name}: this configuration needs {named(gone)}, which was given up under the one "
                                  "before: the program has to be started anew; a service manager does it by itself")
    return taken_over


def _taken_over(text: str) -> Remaining | None:
    """None if this process has not come by an execv of its own."""
    fields = text.split(":")
    if len(fields) != 5 or fields[0] != str(os.getpid()):
        return None
    _, channel, pid, kept, had = map(int, fields)
    if channel < 0:
        return Remaining(None, _unmasked(had))
    return Remaining(Kept(_channel(channel), pid, _unmasked(kept)), _unmasked(had))


def _channel(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)


def _mask(numbers: frozenset[int] | tuple[()]) -> int:
    return sum(1 << number for number in numbers)


def _unmasked(mask: int) -> frozenset[int]:
    return frozenset(n for n in range(capabilities.MAX_CAPABILITIES) if mask >> n & 1)
