"""Loggers of the standard `logging` as the configuration asks for them: levels and destinations per module.

One line a message: time (UTC), program, level, module, text. Destinations: stderr, journal (systemd's, by its native protocol;
stderr where there is none), file:PATH (followed through log rotation).
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from tmon_common.config.model import Diagnostics

MODE = 0o640
JOURNAL = Path("/run/systemd/journal/socket")
OWN_PACKAGES = ("tmon_common", "tmon_probe", "tmon_collector", "tmon_store", "tmon_agent", "trafmon")

_of_others: set[str] = set()
"""Loggers of other packages, plug-ins perhaps, that have been given a level."""
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


def open_log(path: Path) -> TextIO:
    """To append to. Messages name addresses and files: a new one is for its owner, and its group to read. OSError."""
    return open(path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, MODE))


class _OneLine(logging.Formatter):
    """2026-11-22T02:12:12.345Z tmon_collector WARNING tmon_collector.spool: text"""

    converter = time.gmtime

    def __init__(self, program: str) -> None:
        super().__init__(f"%(asctime)s.%(msecs)03dZ {program} %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", " | ")


class _File(logging.handlers.WatchedFileHandler):
    """Messages to a file, a new one when it was rotated away; to standard error while there is none: the program goes on."""

    def _open(self) -> TextIO:
        return open_log(Path(self.baseFilename))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # its directory is gone, or may not be written by whoever the program runs as
            sys.stderr.write(f"{self.format(record)}\n")

    def close(self) -> None:
        with suppress(OSError):  # what the disk does not take is lost; told already
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 the name is logging's
        """The disk is full, maybe: the message, and no traceback for each."""
        if isinstance(sys.exc_info()[1], OSError):
            sys.stderr.write(f"{self.format(record)}\n")
        else:
            super().handleError(record)


class _Journal(logging.Handler):
    """Messages to systemd's journal, a datagram each; to standard error if it does not take one now: nobody waits for it."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def emit(self, record: logging.LogRecord) -> None:
        priority = next((p for level, p in _PRIORITIES if record.levelno >= level), 7)
        text = self.format(record).replace("\n", " | ")
        try:
            self._socket.sendto(f"PRIORITY={priority}\nSYSLOG_IDENTIFIER={self._program}\nTRAFMON_MODULE={record.name}\n"
                                f"MESSAGE={text}\n".encode(), socket.MSG_DONTWAIT, str(JOURNAL))
        except OSError:
            sys.stderr.write(f"{self._program} {record.levelname} {record.name}: {text}\n")

    def close(self) -> None:
        self._socket.close()
        super().close()


def set_up(diagnostics: Diagnostics, program: str) -> None:
    """Makes loggers do what the configuration says; may be called again. OSError, naming the file, when one cannot be opened;
    all is then as it was."""
    handlers: dict[str, logging.Handler] = {}

    def handler(destination: str) -> logging.Handler:
        if destination not in handlers:
            handlers[destination] = _handler(destination, program)
        return handlers[destination]

    plan = dict.fromkeys(OWN_PACKAGES, (diagnostics.level, diagnostics.destination))
    for name, level, destination in diagnostics.modules:
        plan[name] = (level, destination or plan.get(name, ("", ""))[1])
    try:
        prepared = [(name, level, handler(destination) if destination else None) for name, (level, destination) in plan.items()]
    except OSError:
        for opened in handlers.values():
            opened.close()
        raise
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in OWN_PACKAGES or name in _of_others:
            _reset(logging.getLogger(name))
    _of_others.update(name for name, _, _ in prepared if name.split(".")[0] not in OWN_PACKAGES)
    for name, level, chosen in prepared:
        logger = logging.getLogger(name)
        logger.setLevel(level.upper())
        if chosen:
            logger.addHandler(chosen)
            logger.propagate = False


def _reset(logger: logging.Logger) -> None:
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def _handler(destination: str, program: str) -> logging.Handler:
    if destination.startswith("file:"):
        path = destination.removeprefix("file:")
        made: logging.Handler = _File(path, encoding="utf-8")
    elif destination == "journal" and JOURNAL.exists():
        made = _Journal(program)
        made.setFormatter(logging.Formatter("%(message)s"))
        return made
    else:
        made = logging.StreamHandler(sys.stderr)
    made.setFormatter(_OneLine(program))
    return made
