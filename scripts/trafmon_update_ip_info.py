#!/usr/bin/env python3
"""What is known about addresses: activity and location, country, name. Run after each load by cron, with --all once a week.

Exit status: 0 done, 1 database or DNS cannot be used, 2 wrong arguments, configuration or organisation, 3 others are at work.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tmon_common.installation import end_with, go_on_with_the_installed_python

go_on_with_the_installed_python()

from tmon_store.ip_info.command import check, run  # noqa: E402
from tmon_store.program import add_arguments, configuration_of  # noqa: E402


def main() -> int:
    """Arguments, then the work."""
    parser = argparse.ArgumentParser(description="Update what is known about the addresses in the database.")
    add_arguments(parser)
    parser.add_argument("--all", action="store_true", help="look at all addresses anew, and ask for all names again")
    parser.add_argument("--no-names", action="store_true", help="do not ask the DNS in this run")
    parser.add_argument("-q", dest="quiet", action="store_true", help="print nothing if there was nothing to do")
    parser.add_argument("--check", type=Path, metavar="ORGANISATION",
                        help="only read this file of an organisation: tell what is wrong, or where ADDRESS belongs")
    parser.add_argument("addresses", nargs="*", metavar="ADDRESS", help="with --check: an address to be explained")
    options = parser.parse_args()
    if options.check:
        return check(options.check, options.addresses)
    if options.addresses:
        parser.error("addresses are explained with --check ORGANISATION only")
    return run(configuration_of(options), options.database, everything=options.all, names=not options.no_names, quiet=options.quiet)


if __name__ == "__main__":
    end_with(main)
