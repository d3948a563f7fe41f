"""Octets into a file at a given place: all of them, or the file ends there."""

from __future__ import annotations

import errno
import os
from contextlib import suppress


def write_at(descriptor: int, at: int, octets: bytes) -> int:
    """Returns the end. OSError, ENOSPC too if the system takes none: what was written of it is cut off, if it can be."""
    rest, end = memoryview(octets), at
    try:
        while rest:
            written = os.pwrite(descriptor, rest, end)
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rest, end = rest[written:], end + written
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, at)
        raise
    return end
