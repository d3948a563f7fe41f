"""A named segment of shared memory that outlives whoever is killed, so that the next start finds what it left.

Python's own, multiprocessing.shared_memory, has a helper process that removes what the dead have left.
"""

from __future__ import annotations

import mmap
import os
import stat
from contextlib import suppress
from pathlib import Path

SEGMENTS = Path("/dev/shm")  # noqa: S108 it is where Linux keeps them
MODE = 0o600
BOARD = "-events"
"""The board of events of a program is called like its statistics, with this at the end."""


class SegmentError(OSError):
    """There can be no segment of this name: no room, or something of another user's in its place; the text says what to do."""

    def __str__(self) -> str:
        return self.strerror


class Segment:
    """A new one, all zeros, of `size` octets: `buf`. FileExistsError if there is one of this name, else SegmentError if it cannot
    be."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        try:
            descriptor = os.open(SEGMENTS / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        except FileExistsError:
            raise
        except OSError as error:
            raise SegmentError(error.errno, f"no shared memory {SEGMENTS / name}: {error.strerror}; let {SEGMENTS} be for "
                                            "everybody to write (a tmpfs of mode 1777)") from error
        try:
            os.posix_fallocate(descriptor, 0, size)  # without room the system would kill who writes into it
            self.buf = mmap.mmap(descriptor, size)
        except OSError as error:
            self.unlink()
            raise SegmentError(error.errno, f"no room for {size:,} octets of shared memory: {error.strerror}; make {SEGMENTS} "
                                            f"larger (mount -o remount,size=1G {SEGMENTS}), or empty it") from error
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


def open_to_read(name: str, missing: str) -> int:
    """The descriptor of what is there of this name: whose and what it is the reader has to look at. FileNotFoundError with the text
    `missing`, PermissionError if it is not for this user."""
    try:
        return os.open(SEGMENTS / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        raise
    except OSError:
        raise FileNotFoundError(missing) from None


def ours(name: str) -> bool:
    """Whether what is there of this name can have been made by this user's programs: others make links, or files of their own, to
    be read or written in their place. False if nothing is there."""
    try:
        found = (SEGMENTS / name).lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def remove(name: str) -> None:
    """What the dead have left; that it is not there is no error. SegmentError if it is not for this user to remove."""
    try:
        with suppress(FileNotFoundError):
            (SEGMENTS / name).unlink()
    except OSError as error:
        raise in_the_way(name, error) from error


def in_the_way(name: str, error: OSError) -> SegmentError:
    """What to say of something that this user may not use or remove."""
    return SegmentError(error.errno, f"{SEGMENTS / name} is in the way, and another user's ({error.strerror}): if a program "
                                     "of theirs runs with this configuration, stop it; else let root remove the file")
