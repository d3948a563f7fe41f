"""The files of the scheduled switch as they are on disk: looked at, read, checked, and put in their place."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tmon_common.config.document import digest_of, parse_document, read_octets
from tmon_common.config.locate import Locations
from tmon_common.config.model import Configuration
from tmon_common.config.problems import ConfigurationError
from tmon_common.config.read import read_document
from tmon_common.config.switch import Examined
from tmon_common.events import SUBJECT_CHARACTERS
from tmon_common.file_stamp import Stamp, stamp_of

_CURES = {
    errno.EXDEV: "it is on another file system; put it into the directory of the configuration",
    errno.EROFS: "the file system is read-only",
}


class ConfigurationFiles:
    """check: raises ConfigurationError if the program that watches could not start with a configuration that is sound otherwise: is
    it declared there at all? It gets the configuration as it will be when it is in force."""

    def __init__(self, locations: Locations, check: Callable[[Configuration], object]) -> None:
        self._locations, self._check = locations, check
        name = str(locations.next)
        self.next_name = name if len(name) <= SUBJECT_CHARACTERS else f"…{name[1 - SUBJECT_CHARACTERS :]}"
        self._stamp: Stamp | None = None
        self._digest: str | None = None

    def next_stamp(self) -> Stamp | None:
        return stamp_of(self._locations.next)

    def examine_next(self) -> Examined | None:
        return self._examine(self._locations.next)

    def examine_current(self) -> Examined | None:
        return self._examine(self._locations.current)

    def current_digest(self) -> str | None:
        stamp = stamp_of(self._locations.current)
        if stamp is None or stamp != self._stamp:
            try:
                self._digest = None if stamp is None else digest_of(read_octets(self._locations.current))
            except ConfigurationError:
                self._digest = None
            self._stamp = stamp
        return self._digest

    def put_in_force(self) -> str:
        try:
            self._locations.next.rename(self._locations.current)
        except OSError as error:
            why = _CURES.get(error.errno, error.strerror or str(error))
            return f"it cannot take the place of {self._locations.current}: {why}"
        return ""

    def _examine(self, path: Path) -> Examined | None:
        """None if it is not there (any more)."""
        if stamp_of(path) is None:
            return None
        try:
            data = read_octets(path)
        except ConfigurationError as error:
            return Examined("", _first(error))
        digest = digest_of(data)
        try:
            directory = self._locations.current.absolute().parent  # where it will be
            configuration = read_document(parse_document(path, data, directory))
            self._check(replace(configuration, path=self._locations.current))
        except ConfigurationError as error:
            return Examined(digest, _first(error))
        return Examined(digest, start_at_ns=configuration.start_at_ns)


def _first(error: ConfigurationError) -> str:
    """The first problem, and how many there are."""
    first, more = error.problems[0], len(error.problems) - 1
    return (f"line {first.line}: " if first.line else "") + first.message + (f" (and {more} more)" if more else "")
