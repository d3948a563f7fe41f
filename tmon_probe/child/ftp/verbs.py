"""Verbs of commands as numbers, for kernels."""

import numpy as np

from tmon_probe.child.ftp.commands import WITH_ARGUMENT, WITHOUT, Command

VERBS = ("", *sorted(WITH_ARGUMENT | WITHOUT, key=lambda verb: int.from_bytes(verb.encode())))
"""Position: number of the verb; 0: one that is not known."""
NAMES = np.array([int.from_bytes(verb.encode()) for verb in VERBS], np.uint64)
"""Their letters as numbers, in ascending order."""
HAS_ARGUMENT = np.array([verb in WITH_ARGUMENT for verb in VERBS], np.uint8)
WITHOUT_ARGUMENT = tuple(Command(verb) for verb in VERBS)
