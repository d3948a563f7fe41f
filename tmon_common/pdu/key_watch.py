"""A key file that may be exchanged while programs run: looked at now and then, read anew when it has changed."""

from __future__ import annotations

import logging
from pathlib import Path

from tmon_common.pdu.key_file import KeyFileError, read_keys
from tmon_common.pdu.keys import Keys

logger = logging.getLogger(__name__)

LOOK_EVERY_NS = 10_000_000_000


class KeyWatch:
    """path: of the file. in_use: keys that were read of it a while ago, so that it may have changed since; None: somebody will read
    it now."""

    def __init__(self, path: Path, now_ns: int, in_use: Keys | None = None) -> None:
        self._path = path
        self._in_use = in_use
        self._signature = self._look() if in_use is None else None
        self._next_ns = now_ns + LOOK_EVERY_NS

    def changed(self, now_ns: int) -> Keys | None:
        """The keys, when the file is another than at the last look; None when nothing is new, or what is new cannot be used."""
        if now_ns < self._next_ns:
            return None
        self._next_ns = now_ns + LOOK_EVERY_NS
        signature = self._look()
        if signature in (self._signature, None):
            return None
        self._signature = signature
        try:
            keys = read_keys(self._path)
        except KeyFileError as error:
            logger.error("%s; the keys read before stay in use", error)
            return None
        if keys == self._in_use:
            return None
        self._in_use = keys
        logger.warning("key file %s: read anew, %d in use", self._path, len(keys))
        return keys

    def _look(self) -> tuple[int, ...] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode, status.st_uid
