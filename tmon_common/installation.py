"""Lets a script run by any Python, as cron starts it: it goes on with that of the virtual environment beside the sources.

And lets it end by Ctrl-C with a line, at any moment.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn


def go_on_with_the_installed_python() -> None:
    """Nothing, if this Python has what trafMon needs; else the script starts anew, arguments and all, by the one that has it.

    To be called before a script reads its modules; until `end_with` Ctrl-C ends it with a line. Where there is no other Python, it
    ends, and says how to make one.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where whoever started it ignores Ctrl-C
        signal.signal(signal.SIGINT, lambda *_: _end_interrupted())
    if find_spec("sqlalchemy") is not None:  # as good as any other of what is not in the system's Python
        return
    python = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 no shell wanted
    sys.exit(f"{Path(sys.argv[0]).stem}: {sys.executable} lacks the packages that trafMon needs, and there is no {python}: run"
             f" {python.parents[2] / 'scripts' / 'setup'}")


def end_with(main: Callable[[], int]) -> NoReturn:
    """Run the program that the script is; its exit status, or 1 and a line if Ctrl-C came where it had nothing to say to it."""
    if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, signal.default_int_handler):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status = main()
    except KeyboardInterrupt:
        _end_interrupted()
    sys.exit(status)


def _end_interrupted() -> NoReturn:
    """At once: modules may be half read, and there is nothing yet, or no longer, to be finished."""
    os.write(sys.stderr.fileno(), f"{Path(sys.argv[0]).stem}: interrupted\n".encode())
    os._exit(1)
