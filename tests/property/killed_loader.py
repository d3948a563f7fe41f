"""A loader that kills itself: python -m tests.property.killed_loader STORE SPOOL CALL, STORE a pickled `Store` in hexadecimal.

It dies, as by kill -9, when it has asked the database for something for the CALL-th time, half of the calls before they are made.
"""

import os
import pickle
import signal
import sys
from pathlib import Path

from tmon_store import load
from tmon_store.open import open_store

_ASKED = ("begin", "prepare", "commit", "ensure", "loaded", "flow_keys", "describe_flows", "append", "add_missing", "merge",
          "close")


class Mortal:
    """A backend that dies at the given call; even numbers before the call is made, odd ones after it."""

    def __init__(self, store: object, call: int) -> None:
        self._store, self._left, self._before = store, call // 2, call % 2 == 0

    def __getattr__(self, name: str) -> object:
        asked = getattr(self._store, name)
        if name not in _ASKED:
            return asked

        def ask(*args: object, **options: object) -> object:
            last, self._left = self._left == 0, self._left - 1
            if last and self._before:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = asked(*args, **options)
            if last:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return ask


if __name__ == "__main__":
    where, spool, call = pickle.loads(bytes.fromhex(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
    load.open_store = lambda *args, **options: Mortal(open_store(*args, **options), call)
    load.load_spool(spool, where)
