#!/usr/bin/env python3
"""Receive NetFlow v5, v9 and IPFIX, or read what nfdump prints, and write observations to the spool of a collector.

Exit status: 0 done, 1 something could not be read or written, 2 wrong arguments or configuration, or it cannot start.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tmon_common.installation import end_with, go_on_with_the_installed_python

go_on_with_the_installed_python()

from tmon_collector.netflow.command import main  # noqa: E402

if __name__ == "__main__":
    end_with(main)
