"""Lets a script run by any Python, as cron starts it: it goes on with that of the virtual environment beside the sources."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path


def go_on_with_the_installed_python() -> None:
    """Nothing, if this Python has what trafMon needs; else the script starts anew, arguments and all, by the one that has it.

    Where there is no other one, it ends, and says how to make one.
    """
    if find_spec("sqlalchemy") is not None:  # as good as any other of what is not in the system's Python
        return
    python = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 no shell wanted
    sys.exit(f"{Path(sys.argv[0]).stem}: {sys.executable} lacks the packages that trafMon needs, and there is no {python}: run"
             f" {python.parents[2] / 'scripts' / 'setup'}")
