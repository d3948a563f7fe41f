"""Capabilities of the threads of this process (capabilities(7), capset(2), prctl(2)). Elsewhere than on Linux there are none."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

NET_ADMIN, NET_RAW, SETPCAP = 12, 13, 8
NAMES = {NET_ADMIN: "CAP_NET_ADMIN", NET_RAW: "CAP_NET_RAW"}
MAX_CAPABILITIES = 64
_VERSION_3 = 0x20080522
_SETS = ("CapInh", "CapPrm", "CapEff", "CapAmb")
_PR_SET_NAME, _PR_CAPBSET_READ, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 15, 23, 24, 38, 47
_AMBIENT_CLEAR_ALL = 4


def permitted() -> frozenset[int]:
    """What this thread may use."""
    return _of(Path("/proc/thread-self/status")).get("CapPrm", frozenset())


def keep(wanted: Iterable[int]) -> None:
    """Of what this thread is permitted, only that, in effect; the rest is given up, for ever: no program that it starts gets any.

    To be called while there is no other thread. The bounding set is emptied where that is allowed (CAP_SETPCAP); where it is not,
    nothing comes of it: there are no new privileges. OSError if the system refuses.
    """
    if not sys.platform.startswith("linux"):
        return
    wanted = permitted() & frozenset(wanted)
    if SETPCAP in permitted():
        for number in range(MAX_CAPABILITIES):
            if _prctl(_PR_CAPBSET_READ, number) == 1:
                _prctl(_PR_CAPBSET_DROP, number)
    _prctl(_PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
    mask = sum(1 << number for number in wanted)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0), 8)
    data = ctypes.create_string_buffer(struct.pack("=6I", low, low, 0, high, high, 0), 24)  # effective, permitted, inheritable
    if _libc().capset(header, data):
        raise OSError(ctypes.get_errno(), f"capset: {os.strerror(ctypes.get_errno())}")
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1) < 0:
        raise OSError(ctypes.get_errno(), f"no_new_privs: {os.strerror(ctypes.get_errno())}")


def threads_with_any() -> list[int]:
    """Numbers of the threads of this process that have some in whatever set (but the bounding one)."""
    found = []
    for task in Path("/proc/self/task").glob("*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if any(_of(task / "status").values()):
                found.append(int(task.name))
    return found


def name_process(name: str) -> None:
    """In the process list; at most 15 characters."""
    if sys.platform.startswith("linux"):
        _libc().prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def _of(status: Path) -> dict[str, frozenset[int]]:
    """The sets of a thread, by their names in proc(5); empty where there is no such thing."""
    try:
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    except FileNotFoundError:
        if sys.platform.startswith("linux"):
            raise
        return {}
    masks = {name: int(lines[name], 16) for name in _SETS if name in lines}
    return {name: frozenset(n for n in range(MAX_CAPABILITIES) if mask >> n & 1) for name, mask in masks.items()}


def _prctl(option: int, argument: int) -> int:
    zero = ctypes.c_ulong(0)
    return _libc().prctl(option, ctypes.c_ulong(argument), zero, zero, zero)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
