"""Show what a database holds: flows, traffic per class and protocol, top talkers, top conversations.

Exit status: 0 shown, 1 the database cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("database", type=Path, metavar="FILE", help="DuckDB file that the loader filled")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="lines of each table (10)")


def run(options: argparse.Namespace) -> int:
    from tmon_store.errors import StoreError
    from trafmon.summary import summarise

    try:
        summarise(options.database, {}, limit=max(options.top, 1))
    except StoreError as error:
        print(f"trafmon show: {error}", file=sys.stderr)
        return 1
    return 0
