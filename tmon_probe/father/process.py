"""A further father, in a process of its own beside the probe's main process."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence

from tmon_probe.cpus import pin_father
from tmon_probe.father.loop import Father
from tmon_probe.ring import Ring

log = logging.getLogger(__name__)

DONE, FAILED = 0, 1


class FatherProcess:
    """make       gives the father, whom it hands a function that says whether to stop

    rings       those that this father writes to, and no other
    signals     those that are meant for the main process: ignored here
    The process ends when its sources are finished, when it is told to, and when its parent is dead; its rings with it.
    """

    def __init__(self, name: str, cpu: int, make: Callable[[Callable[[], bool]], Father], rings: Sequence[Ring],
                 signals: tuple[signal.Signals, ...]) -> None:
        self.name = name
        self._cpu, self._make, self._rings, self._signals = cpu, make, rings, signals
        self._parent = os.getpid()
        self._process = multiprocessing.get_context("fork").Process(target=self._run, name=name)

    def start(self) -> None:
        self._process.start()

    def stop(self) -> None:
        """Tell it to end."""
        for ring in self._rings:
            ring.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for its end; when the time is over, kill it. What it has published can be read, and is the last."""
        self._process.join(timeout_s)
        if self._process.is_alive():
            self.kill()
            self._process.join()
        for ring in self._rings:
            ring.end()

    def kill(self) -> None:
        self._process.kill()

    @property
    def sentinel(self) -> int:
        """A descriptor that becomes readable when it ends."""
        return self._process.sentinel

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def exitcode(self) -> int | None:
        """None while it lives; negative: killed by that signal."""
        return self._process.exitcode

    def _stopping(self) -> bool:
        return self._rings[0].stopped or os.getppid() != self._parent

    def _run(self) -> None:
        status = FAILED
        try:
            for number in self._signals:
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (*self._signals, signal.SIGCHLD))
            pin_father(self._cpu)
            self._make(self._stopping).run()
            status = DONE
        except Exception:
            log.exception("%s failed", self.name)
        finally:
            logging.shutdown()
            sys.stdout.flush()
            os._exit(status)
