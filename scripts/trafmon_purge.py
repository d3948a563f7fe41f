#!/usr/bin/env python3
"""Remove from the database, and from the archive, what is older than the configuration keeps it. Run daily by cron, or by hand.

Exit status: 0 done, 1 something cannot be used, 2 wrong arguments or configuration, 3 a loader was at work all the time.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tmon_common.installation import end_with, go_on_with_the_installed_python

go_on_with_the_installed_python()

from tmon_store.program import add_arguments, configuration_of  # noqa: E402
from tmon_store.purge_command import run  # noqa: E402


def main() -> int:
    """Arguments, then the work."""
    parser = argparse.ArgumentParser(description="Remove what is older than the configuration keeps it.")
    add_arguments(parser)
    parser.add_argument("-q", dest="quiet", action="store_true", help="no line when nothing went")
    given = parser.parse_args()
    return run(configuration_of(given), given.database, quiet=given.quiet)


if __name__ == "__main__":
    end_with(main)
