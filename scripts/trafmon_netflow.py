#!/usr/bin/env python3
"""Receive NetFlow v5, v9 and IPFIX, or read what nfdump prints, and write observations to the spool of a collector.

Exit status: 0 done, 1 something could not be read or written, 2 wrong arguments or configuration, or it cannot start.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

try:
    from tmon_collector.netflow.command import main
except ModuleNotFoundError:  # by the system's Python: go on with that of the installation
    python = ROOT / ".venv" / "bin" / "python"
    if Path(sys.prefix).resolve() == python.parent.parent.resolve() or not python.exists():
        raise
    os.execv(python, [str(python), *sys.argv])  # noqa: S606 no shell wanted

if __name__ == "__main__":
    sys.exit(main())
