"""Diagnostics changed while the program runs: by the `.diag` file, and by steps; in this process and in those forked from it."""

from __future__ import annotations

import importlib.util
import logging
import mmap
import struct
from pathlib import Path

from tmon_common.config.model import Diagnostics
from tmon_common.diagnostics.logs import OWN_PACKAGES, open_log, set_up
from tmon_common.diagnostics.rules import Rule, parse, steps_to_debug, tuned
from tmon_common.file_stamp import Stamp, stamp_of

log = logging.getLogger(__name__)

MAX_OCTETS = 64 << 10
_SHARED = struct.Struct("=qq")

_current: Tuning | None = None


class Tuning:
    """configured: what holds without file and steps; program: for the lines; path: the `.diag` file.

    To be made once, before other processes are forked: they share two numbers with it, how often something has changed, and
    the steps.
    """

    def __init__(self, configured: Diagnostics, program: str, path: Path) -> None:
        global _current  # noqa: PLW0603 logging is one for the process, too
        self._configured, self._program, self._path = configured, program, path
        self._stamp: Stamp | None = None
        self._rules: tuple[Rule, ...] = ()
        self._steps = self._followed = 0
        self._shared = mmap.mmap(-1, _SHARED.size)
        _current = self

    def look(self) -> None:
        """Has the file changed? Then it counts from now on."""
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._read(tell=True)
        log.warning("diagnostics: %s", f"as {self._path} says, rules: {len(self._rules)}" if stamp else "as the configuration says")
        self._apply(tell=True)

    def step(self, by: int) -> None:
        """So many steps more talkative, or less; not below what configuration and file say."""
        most = steps_to_debug(tuned(self._configured, self._rules, 0))
        self._steps = min(max(self._steps + by, 0), most)
        self._apply(tell=True)
        log.warning("diagnostics: %d of %d steps more talkative than configured", self._steps, most)

    def follow(self) -> None:
        """In a forked process: what the main process has changed."""
        changes, steps = _SHARED.unpack(self._shared[:])
        if changes != self._followed:
            self._followed, self._steps = changes, steps
            self._read(tell=False)
            self._apply(tell=False)

    def _read(self, *, tell: bool) -> None:
        """The rules of the file. Its problems are told by one process, not by all."""
        octets = b""
        try:
            if stamp_of(self._path):  # a pipe would be waited for
                with self._path.open("rb") as file:
                    octets = file.read(MAX_OCTETS + 1)
        except OSError as error:
            if tell:
                log.error("%s: cannot be read: %s; the diagnostics are those of the configuration", self._path, error.strerror)
        if len(octets) > MAX_OCTETS:
            octets = b""
            if tell:
                log.error("%s: more than %d KiB; left out", self._path, MAX_OCTETS >> 10)
        self._rules, problems = parse(octets.decode(errors="replace"), self._path.absolute().parent, known=_known, try_out=_try_out)
        for line, problem in problems if tell else ():
            log.error("%s:%d: %s; this line is left out", self._path, line, problem)

    def _apply(self, *, tell: bool) -> None:
        try:
            set_up(tuned(self._configured, self._rules, self._steps), self._program)
        except OSError as error:
            if tell:
                log.error("diagnostics stay as they were: %s", error)
        if tell:  # the others may follow
            self._followed += 1
            self._shared[:] = _SHARED.pack(self._followed, self._steps)


def follow() -> None:
    """What the process that this one was forked from has changed; nothing if there is none. Cheap; not for every batch even so."""
    if _current is not None:
        _current.follow()


def _known(module: str) -> bool:
    """Of a package that is not ours (a plug-in's), only whether it is there at all: it is not for this to import it."""
    package = module.partition(".")[0]
    try:
        return importlib.util.find_spec(module if package in OWN_PACKAGES else package) is not None
    except (ImportError, ValueError):
        return False


def _try_out(destination: str) -> str:
    if destination.startswith("file:"):
        path = Path(destination.removeprefix("file:"))
        try:
            if path.is_fifo():
                return f"{path} is a pipe: the program would wait for whoever reads it; expected a file"
            open_log(path).close()
        except OSError as error:
            return f"{path} cannot be written: {error.strerror}"
    return ""
