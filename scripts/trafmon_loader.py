#!/usr/bin/env python3
"""Load the spool of a collector into the database. Run every ten minutes by cron, by hand, or with --follow for ever.

Exit status: 0 done, 1 spool or database cannot be used, 2 wrong arguments or configuration, 3 another loader is at work.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tmon_common.installation import end_with, go_on_with_the_installed_python

go_on_with_the_installed_python()

from tmon_store.command import Options, run  # noqa: E402
from tmon_store.program import add_arguments, configuration_of  # noqa: E402

FOLLOW_S = 10
MIN_FOLLOW_S, MAX_FOLLOW_S = 0.1, 86_400


def main() -> int:
    """Arguments, then the work."""
    parser = argparse.ArgumentParser(description="Load the spool of a collector into the database.")
    add_arguments(parser)
    parser.add_argument("--collector", metavar="NAME", help="the collector whose spool is loaded, of several")
    parser.add_argument("--spool", type=Path, metavar="DIR", help="spool, instead of the configured one")
    parser.add_argument("--follow", type=_seconds, nargs="?", const=FOLLOW_S, metavar="SECONDS",
                        help=f"go on: look every so many seconds ({FOLLOW_S}) for new files, until SIGTERM or Ctrl-C")
    parser.add_argument("-q", dest="quiet", action="store_true", help="no line when there was nothing to do")
    given = parser.parse_args()
    return run(Options(configuration_of(given), given.spool, given.database, given.collector, given.follow, given.quiet))


def _seconds(text: str) -> float:
    seconds = float(text)
    if not MIN_FOLLOW_S <= seconds <= MAX_FOLLOW_S:
        msg = f"{text} is not between {MIN_FOLLOW_S} and {MAX_FOLLOW_S}"
        raise argparse.ArgumentTypeError(msg)
    return seconds


if __name__ == "__main__":
    end_with(main)
