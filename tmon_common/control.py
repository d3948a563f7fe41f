"""What operators ask of a running program: another configuration (a file, SIGHUP), other diagnostics (a file, SIGUSR1, SIGUSR2).

For the main process of a program, which calls `look` several times a second or as often as `wait_ns` says, never for every batch.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping

from tmon_common.clock import Clock
from tmon_common.config.locate import Locations
from tmon_common.config.model import Configuration
from tmon_common.config.switch import LOOK_EVERY_NS, Switch, shortened
from tmon_common.config.switching import ConfigurationFiles
from tmon_common.diagnostics import Tuning
from tmon_common.events import Event, event
from tmon_common.moment import Moment
from tmon_common.restart import CONTROL_SIGNALS, NOTHING, Handed, Launch

SWITCH_REASON = "configuration switch"
MAX_ASKED = 64
"""Signals not yet heeded; what comes while so many wait is ignored."""


class Control:
    """program: tmon_probe or tmon_collector; check: see ConfigurationFiles; launch: made at the very start."""

    def __init__(self, program: str, locations: Locations, configuration: Configuration, check: Callable[[Configuration], object],
                 clock: Clock, launch: Launch) -> None:
        self._configuration, self._clock, self._launch = configuration, clock, launch
        self._switch = Switch(ConfigurationFiles(locations, check), configuration.digest)
        self._tuning = Tuning(configuration.diagnostics, program, locations.diag(program))
        self._tuning.look()
        self._asked: list[int] = []
        self._next_look_ns = 0

    def take_signals(self) -> None:
        """From now on they are heeded. In the main thread."""
        for number in CONTROL_SIGNALS:
            signal.signal(number, self._on_signal)

    def started(self) -> list[Event]:
        """What is to be told of this start: that it came by a switch."""
        if not self._launch.previous:
            return []
        c = self._configuration
        return [event("configuration_switched", self._clock.wall_ns(), c.path.name, version=shortened(c.digest),
                      previous=shortened(self._launch.previous))]

    def look(self) -> list[Event]:
        """Heed what was asked for. What there is to tell; a switch may have begun."""
        now, at_once = Moment.of(self._clock), False
        while self._asked:
            number = self._asked.pop(0)
            if number == signal.SIGHUP:
                at_once = True
            else:
                self._tuning.step(1 if number == signal.SIGUSR1 else -1)
        if at_once or now.monotonic_ns >= self._next_look_ns:
            self._next_look_ns = now.monotonic_ns + LOOK_EVERY_NS
            self._tuning.look()
        return self._switch.look(now, at_once=at_once)

    def wait_ns(self) -> int:
        """How long until there is something to look at; a signal may come before."""
        return self._switch.wait_ns(Moment.of(self._clock))

    @property
    def switching(self) -> bool:
        """The program is to end its work and then to `restart`."""
        return self._switch.begun

    def restart(self, stopped: Callable[[], bool], options: Mapping[str, str | None] | None = None,
                handed: Handed = NOTHING) -> int:
        """See Launch.restart."""
        return self._launch.restart(self._configuration.digest, stopped, options, handed)

    def _on_signal(self, number: int, _frame: object) -> None:
        if len(self._asked) < MAX_ASKED:
            self._asked.append(number)
