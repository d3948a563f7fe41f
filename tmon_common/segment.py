"""A named segment of shared memory that outlives whoever is killed, so that the next start finds what it left.

Python's own, multiprocessing.shared_memory, has a helper process that removes what the dead have left.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path

SEGMENTS = Path("/dev/shm")  # noqa: S108 it is where Linux keeps them
MODE = 0o600


class Segment:
    """A new one, all zeros, of `size` octets: `buf`. FileExistsError if there is one of this name, OSError if there is no room."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        descriptor = os.open(SEGMENTS / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        try:
            os.posix_fallocate(descriptor, 0, size)  # without room the system would kill who writes into it
            self.buf = mmap.mmap(descriptor, size)
        except OSError as error:
            self.unlink()
            raise OSError(error.errno, f"no room for {size:,} octets of shared memory: {error.strerror}; see {SEGMENTS}") from error
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of it. Who still looks into it keeps it mapped."""
        with suppress(BufferError):
            self.buf.close()

    def unlink(self) -> None:
        """Remove its name."""
        with suppress(FileNotFoundError):
            (SEGMENTS / self.name).unlink()
