"""Fathers and child: opened and compiled before the fork, run, watched, and brought to an end together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from multiprocessing.connection import wait

from tmon_common.agent_process import AgentProcess
from tmon_common.clock import Clock
from tmon_common.config.model import Configuration, Probe
from tmon_common.control import SWITCH_REASON, Control
from tmon_common.event_board import ENDING, EventBoard
from tmon_common.events import event
from tmon_common.observations import Rows
from tmon_common.pdu.header import new_run, run_ms
from tmon_common.pdu.key_file import read_keys
from tmon_common.previous_run import previous_run_died
from tmon_common.restart import CONTROL_SIGNALS, STOP_SIGNALS
from tmon_common.service_manager import reloading, step, stopping
from tmon_probe import health
from tmon_probe.child import merge
from tmon_probe.child.analysers.load import factories_of
from tmon_probe.child.chain import Chain
from tmon_probe.child.process import DELIVERED, NOT_DELIVERED, run_child
from tmon_probe.cpus import pin_father
from tmon_probe.event_pipe import EventPipe
from tmon_probe.father.dissection import compile_dissection
from tmon_probe.father.loop import Father
from tmon_probe.father.process import FatherProcess
from tmon_probe.fathers import Fathers, Ground, prepare
from tmon_probe.lanes import Lanes
from tmon_probe.offloading import Offloading
from tmon_probe.privileges.giving_up import Remaining
from tmon_probe.reporting import Reporter, Watchman
from tmon_probe.service import Service

log = logging.getLogger(__name__)

PROCESS_LOST = 3
"""Exit status when one of the processes died; else it is the child's."""
NOT_FOR_FORKED = (*STOP_SIGNALS, *CONTROL_SIGNALS)
STOP_PATIENCE_S = 5.0
WATCH_EVERY_S = 0.1
SWITCH_PATIENCE_S = 30.0
"""A switch waits so long until everything is acknowledged, no longer: nothing is captured meanwhile. The collector may be starting
anew, too."""


class ProbeProcesses:
    """This process is the first father; child and further fathers are forked from it, with everything opened and compiled."""

    def __init__(self, configuration: Configuration, probe: Probe, control: Control, clock: Clock,
                 remaining: Remaining) -> None:
        self._configuration, self._probe, self._control, self._clock = configuration, probe, control, clock
        self._remaining = remaining
        self._stop_asked = 0
        self._changed = False  # asking the system for every batch would cost more than the batch
        self._lost = ""
        self._given_up = False
        self._child: multiprocessing.Process | None = None
        self._others: list[FatherProcess] = []
        self._reporter: Reporter | None = None
        self._watchman: Watchman | None = None
        self._service: Service | None = None
        self._run = new_run(self._clock.wall_ns())
        self._agent = AgentProcess(configuration, probe, clock)

    @property
    def stop_asked(self) -> bool:
        """By a signal, even while a switch is under way."""
        return self._stop_asked > 0

    @property
    def restarting(self) -> bool:
        """After `run`: it ended for a switch of the configuration; everything is closed."""
        return self._control.switching and not self.stop_asked

    def run(self) -> int:
        """Until the sources are finished or a signal asks to stop. Returns the exit status.

        CaptureError if an interface cannot be opened; KeyFileError without its key; FileExistsError if a probe of this name and
        configuration runs already.
        """
        self._keys = None if self._probe.seal == "crc" else read_keys(self._probe.key)
        with ExitStack() as opened:
            signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
            self._offloading = opened.enter_context(Offloading(self._probe, self._remaining.privileges))
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the start as Ctrl-C does: there is what to restore
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            step("opening the interfaces")
            self._factories = factories_of(self._configuration.classes_of(self._probe))
            ground = prepare(self._configuration, self._probe, self._factories, opened, self._remaining.privileges)
            self._remaining.give_up_the_rest()
            step("compiling")
            compile_dissection()
            compiled = self._chain(_nowhere)
            compiled.warm_up()
            merge.warm_up()
            step("starting the processes")
            signal.pthread_sigmask(signal.SIG_BLOCK, (*STOP_SIGNALS, signal.SIGCHLD))  # from here on there is more to clean up
            self._statistics = health.create(self._configuration, self._probe.name, run_ms(self._run), ground.interfaces_of_fathers,
                                             tuple(compiled.counters()))
            del compiled
            opened.callback(lambda: self._statistics.close(in_order=not self._lost))
            self._board = EventBoard.create(health.segment_name(self._configuration, self._probe.name) + ENDING)
            opened.callback(self._board.close)
            self._lanes = Lanes(ground.lanes.lanes, self._probe.ring_slots, self._probe.ring_octets)
            opened.callback(self._lanes.close)
            self._pipe = EventPipe()
            opened.callback(self._pipe.close)
            father = None
            try:
                father = self._start(ground)
                pin_father(ground.lanes.father_cpus[0])
                father.run()
                self._watch_others()
                self._stop_others()
                self._say_goodbye()
                if self._control.switching:
                    self._wait_for_child(SWITCH_PATIENCE_S)
                    self._lanes.cut()
                self._wait_for_child()
                self._look_how_it_ended()
            finally:
                self._stop_others()
                self._pipe.close()
                self._end_child()
                self._agent.end()
                for number in STOP_SIGNALS:  # there is nothing left to stop, and no ring to tell it to
                    signal.signal(number, self._on_late_signal if self._control.switching else signal.SIG_IGN)
                self._others = []
                father = self._watchman = self._reporter = self._service = None  # they look into segments that are closed now
        return self._status()

    def _start(self, ground: Ground) -> Father:
        """Fork the others; the first father, to be run here."""
        fathers = Fathers(self._probe, ground, self._lanes, self._statistics, self._pipe, self._clock)
        lossless = not any(s.live for s in ground.all_sources)
        options = {"run": self._run, "keys": self._keys, "parent": os.getpid(), "signals": NOT_FOR_FORKED, "lossless": lossless,
                   "patient": lossless and not any(s.paced for s in ground.all_sources),
                   "one_way": any(c.one_way for c in self._configuration.classes_of(self._probe)),
                   "forked": lambda: (ground.keep_sources(), self._remaining.forget())}
        child = multiprocessing.get_context("fork").Process(
            target=run_child, name=f"{self._probe.name}-child", kwargs=options,
            args=(self._probe, ground.lanes.father_cpus, self._lanes, self._chain, self._statistics, self._board, self._pipe,
                  self._clock))
        child.start()
        self._child = child
        for n, cpu in enumerate(ground.lanes.father_cpus[1:], 1):
            rings = list(dict.fromkeys(f.ring for f in fathers.feeds[n]))
            name = f"father {n} of probe {self._probe.name}"
            other = FatherProcess(name, cpu, lambda stopping, n=n: fathers.make(n, stopping), rings, NOT_FOR_FORKED)
            other.start()
            self._others.append(other)
        self._pipe.keep_writer()
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, self._on_child)
        self._control.take_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*STOP_SIGNALS, signal.SIGCHLD))
        self._reporter = fathers.reporters[0]
        died = previous_run_died("tmon_probe", self._probe.name, self._statistics.block, self._clock.wall_ns())
        self._reporter.tell([*died, event("probe_started", self._clock.wall_ns(), self._probe.name, version=version("trafmon"),
                                          interfaces=len(self._probe.interfaces)), *self._control.started(),
                             *self._offloading.events(self._clock.wall_ns())])
        self._watchman = Watchman(self._probe, self._statistics, self._reporter, self._clock,
                                  self._offloading.device_back)
        self._service = Service(self._probe, self._statistics, self._clock)
        self._reporter.tell(self._agent.start())
        return fathers.make(0, self._stopping, lambda: self._look_around([0]))

    def _look_around(self, own: Sequence[int] = ()) -> None:
        """own: number of this father, while it reads."""
        self._watchman.look()
        self._reporter.tell([*self._control.look(), *self._remaining.look(self._probe.name, self._clock.wall_ns()),
                             *self._agent.look()])
        self._service.look([*own, *(n for n, other in enumerate(self._others, 1) if other.alive)])

    def _say_goodbye(self) -> None:
        """What is still to be told; the child waits for it."""
        self._watchman.look(last=True)
        if self._lost and self._child.is_alive():
            self._reporter.tell([event("father_lost", self._clock.wall_ns(), self._probe.name)])
        switching = SWITCH_REASON if self._control.switching else ""
        reason = self._lost or ("asked to" if self._stop_asked else switching or "at the end of the recordings")
        if self._lost or self._stop_asked:
            stopping(reason)
        elif self._control.switching:
            reloading("configuration switch: delivering what was measured")
        self._reporter.tell([event("probe_stopped", self._clock.wall_ns(), self._probe.name, reason=reason)])
        self._pipe.close()
        self._lanes.end()

    def _stopping(self) -> bool:
        if self._changed:
            self._changed = False
            self._look_for_the_dead()
        return self._stop_asked > 0 or bool(self._lost) or self._given_up or self._control.switching

    def _look_for_the_dead(self) -> None:
        if self._lost:
            return
        if self._child.exitcode == NOT_DELIVERED:  # it has given up, and said why
            self._given_up = True
        elif not self._child.is_alive():
            self._lost = f"its child process died ({_how(self._child.exitcode)})"
        for other in self._others:
            if not other.alive and other.exitcode:
                self._lost = f"{other.name} died ({_how(other.exitcode)})"
        if self._lost:
            self._lanes.hurry()

    def _watch_others(self) -> None:
        """This father has nothing more to do."""
        while not self._stopping() and (living := [o.sentinel for o in self._others if o.alive]):
            wait([*living, self._child.sentinel], WATCH_EVERY_S)
            self._look_around()

    def _stop_others(self) -> None:
        """After this nobody writes any more, and the child knows."""
        for other in self._others:
            other.stop()
        deadline = time.monotonic() + STOP_PATIENCE_S
        for other in self._others:
            other.join(max(deadline - time.monotonic(), 0))
        self._lanes.end()

    def _wait_for_child(self, limit_s: float = float("inf")) -> None:
        """Until it has delivered all. Events do not reach it any more."""
        until = time.monotonic() + limit_s
        while self._child.is_alive() and time.monotonic() < until:
            self._child.join(WATCH_EVERY_S)
            self._service.look([])
            for told in self._agent.look():
                log.log(told.severity.level, "%s", told.text)

    def _end_child(self) -> None:
        if self._child is None:
            return
        self._child.join(STOP_PATIENCE_S)
        if self._child.is_alive():
            self._child.kill()
            self._child.join()

    def _look_how_it_ended(self) -> None:
        if not self._lost and self._child.exitcode not in (DELIVERED, NOT_DELIVERED):
            self._lost = f"its child process died ({_how(self._child.exitcode)})"

    def _status(self) -> int:
        if not self._lost:
            return self._child.exitcode
        log.error("probe %s: %s; the probe ends", self._probe.name, self._lost)
        return PROCESS_LOST

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stop_asked += 1
        self._lanes.hurry()
        if self._stop_asked > 1:  # the second time: at once
            self._child.kill()
            for other in self._others:
                other.kill()

    def _on_late_signal(self, _number: int, _frame: object) -> None:
        self._stop_asked += 1

    def _on_child(self, _number: int, _frame: object) -> None:
        self._changed = True

    def _chain(self, emit: Callable) -> Chain:
        return Chain(self._configuration, self._probe, self._factories, emit)


def _nowhere(rows: Rows) -> None:
    """For a chain that is only compiled."""


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"killed by {signal.Signals(-exitcode).name}"
    return f"exit status {exitcode}"
