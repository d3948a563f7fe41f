"""What each manager was told of a run, in a small file in shared memory: an agent that is started again goes on after it.

It lies beside the program's board of events, which takes it away at its end; it is worth nothing when another run has begun.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tmon_common.event_board import TOLD
from tmon_common.segment import SEGMENTS

logger = logging.getLogger(__name__)

MAX_OCTETS = 1 << 16


class Progress:
    """Of the run that began at run_ns, of the program whose board is called `board`; who: whose it is, as there may be several."""

    def __init__(self, board: str, who: str, run_ns: int, directory: Path = SEGMENTS) -> None:
        self._path = directory / f"{board}{TOLD}-{who}"
        self._run_ns, self._failed = run_ns, False
        self._told = self._read()

    def told(self, name: str) -> int:
        """Number of the last event that the manager of this name was told, 0 for none."""
        return self._told.get(name, 0)

    def note(self, told: Mapping[str, int]) -> None:
        """told: by name. Written where it is new."""
        if told == self._told:
            return
        self._told = dict(told)
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"run": self._run_ns, "told": self._told}, file)
            temporary.replace(self._path)
        except OSError as error:
            if not self._failed:
                logger.warning("%s: cannot be written (%s): an agent that is started again tells events twice", self._path,
                               error.strerror)
            self._failed = True
            with suppress(OSError):
                temporary.unlink()

    def _read(self) -> dict[str, int]:
        """What is there is as good as who may write there: what makes no sense counts for nothing."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, encoding="utf-8") as file:
                found = json.loads(file.read(MAX_OCTETS))
            if found["run"] != self._run_ns:
                return {}
            return {str(name): number for name, number in found["told"].items() if type(number) is int and number >= 0}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}
