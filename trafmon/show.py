"""Show what a database holds: flows, traffic per class and protocol, top talkers, top conversations.

Exit status: 0 shown, 1 the database cannot be read, 2 wrong arguments or configuration.
"""

from __future__ import annotations

import argparse
import sys

from trafmon.database_argument import (
    DATABASE_HELP,
    NoDatabaseError,
    add_configuration_argument,
    configuration_of,
    database_of,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("database", nargs="?", metavar="DATABASE", help=DATABASE_HELP)
    add_configuration_argument(parser)
    parser.add_argument("--top", type=int, default=10, metavar="N", help="lines of each table (10)")


def run(options: argparse.Namespace) -> int:
    from tmon_store.errors import StoreError
    from trafmon.summary import summarise

    try:
        summarise(database_of(configuration_of(options, options.database), options.database), {}, limit=max(options.top, 1))
    except NoDatabaseError as error:
        print(f"trafmon show: {error}", file=sys.stderr)
        return 2
    except StoreError as error:
        print(f"trafmon show: {error}", file=sys.stderr)
        return 1
    return 0
