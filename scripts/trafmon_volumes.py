#!/usr/bin/env python3
"""Sum up the traffic of days by activity, location, country, host and service.

Run once a day by cron, after the addresses have been updated.

Exit status: 0 done, 1 the database cannot be used, 2 wrong arguments or configuration, 3 another program writes to the database.
"""

import argparse
import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tmon_common.installation import end_with, go_on_with_the_installed_python

go_on_with_the_installed_python()

from tmon_store.program import add_arguments, configuration_of  # noqa: E402
from tmon_store.volumes.command import run  # noqa: E402


def day(text: str) -> date:
    """A day as it is given, of those that a network can have had."""
    found = date.fromisoformat(text)
    if not 1970 <= found.year <= 2200:
        raise ValueError
    return found


def main() -> int:
    """Arguments, then the work."""
    parser = argparse.ArgumentParser(description="Sum up the traffic of days by activity, location, country, host and service.")
    add_arguments(parser)
    parser.add_argument("--day", type=day, metavar="YYYY-MM-DD",
                        help="the day, UTC (yesterday, and those of the week before that are not up to date)")
    parser.add_argument("--from", dest="first", type=day, metavar="YYYY-MM-DD", help="all days from this one on")
    parser.add_argument("--to", dest="last", type=day, metavar="YYYY-MM-DD", help="the last of them")
    parser.add_argument("--netflow", action="store_true", help="of what exporters of NetFlow told, instead of what probes counted")
    parser.add_argument("-q", dest="quiet", action="store_true", help="no line for a day without traffic")
    options = parser.parse_args()
    if (options.first is None) != (options.last is None) or (options.day and options.first):
        parser.error("give --day, or both --from and --to, or none of them")
    days = (options.day, options.day) if options.day else (options.first, options.last) if options.first else None
    return run(configuration_of(options), days, options.database, netflow=options.netflow, quiet=options.quiet)


if __name__ == "__main__":
    end_with(main)
