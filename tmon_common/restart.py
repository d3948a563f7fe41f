"""A program that starts itself anew in its own process (execv): the same process id, the same arguments, nothing else inherited.

What a process keeps over execv and should not: blocked and ignored signals, its CPUs, a helper that Python started for shared
memory. Descriptors are closed by the system, for Python opens all of its own so; those that are `Handed` stay. Signals to stop are
blocked from the last look at whether one came until the new program listens to them: none is lost.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker

log = logging.getLogger(__name__)

VARIABLE = "TRAFMON_SWITCHED"
"""Tells the new program, and no other, that it came by a switch: its process id and the digest of the version before."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
CONTROL_SIGNALS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
CANNOT_RESTART = 2


@dataclass(frozen=True)
class Handed:
    """Variables of the environment, and descriptors that stay open."""

    variables: Mapping[str, str] = field(default_factory=dict)
    descriptors: Sequence[int] = ()


NOTHING = Handed()


class Launch:
    """How this process was started. To be made first of all, in the main thread.

    previous    digest of the configuration before; "" if this is no restart
    From here on the control signals are ignored: who is only starting does not die of them.
    """

    def __init__(self) -> None:
        self.previous = _previous(os.environ.pop(VARIABLE, ""), os.getpid())
        self._cpus = os.sched_getaffinity(0)
        for number in CONTROL_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if self.previous:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: it ends the start
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def restart(self, running: str, stopped: Callable[[], bool], options: Mapping[str, str | None] | None = None,
                handed: Handed = NOTHING) -> int:
        """Does not return, unless `stopped` says that a signal has asked to end for good, or the system refuses: an exit status.

        running     digest of the configuration that is left
        options     of the command line: another value for those given, None to leave them out
        handed      what the new program gets besides
        Everything else must have been closed, and every other child waited for.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            if stopped():
                return 0
            for number in CONTROL_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            for number in (signal.SIGCHLD, *STOP_SIGNALS):
                signal.signal(number, signal.SIG_DFL)
            os.sched_setaffinity(0, self._cpus)
            _end_helper()
            os.environ[VARIABLE] = f"{os.getpid()}:{running}"
            os.environ.update(handed.variables)
            for descriptor in handed.descriptors:
                os.set_inheritable(descriptor, True)
            command = [sys.executable, *_interpreter(), *changed(sys.argv[1:], options or {})]
            logging.shutdown()
            sys.stdout.flush()
            os.execv(sys.executable, command)  # noqa: S606 itself
        except OSError as error:
            for name in (VARIABLE, *handed.variables):
                os.environ.pop(name, None)
            log.error("cannot start anew with the new configuration: %s; start the program by hand", error)
            return CANNOT_RESTART
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def changed(arguments: Sequence[str], options: Mapping[str, str | None]) -> list[str]:
    """Arguments of a command with other values of options (which are written out, "--name VALUE" or "--name=VALUE")."""
    kept, rest = [], list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*kept, "--", *rest]
        name, equals, _ = argument.partition("=")
        if name not in options:
            kept.append(argument)
            continue
        if not equals:
            del rest[:1]
        if (value := options[name]) is not None:
            kept.append(f"{name}={value}")
    return kept


def _previous(text: str, pid: int) -> str:
    owner, _, digest = text.partition(":")
    return digest if owner == str(pid) else ""


def _interpreter() -> list[str]:
    """Of the command line, what stands before the arguments: options of Python, and the script or module."""
    return sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]


def _end_helper() -> None:
    """The process that looks after names in shared memory: it would end by itself, and stay as a zombie."""
    end = getattr(resource_tracker._resource_tracker, "_stop", None)
    if end is not None:
        end()
