"""What the programs about a database have in common: how they are told which one it is, and their exit statuses."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from tmon_common.config.locate import CURRENT_NAME, SYSTEM_DIRECTORY, locate
from tmon_common.config.store_model import Store

DONE, FAILED, MISUSED, BUSY = 0, 1, 2, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """-l, -c, --database. `configuration_of` tells what the first two mean."""
    parser.add_argument("-l", dest="local", action="store_true", help=f"the configuration is ./{CURRENT_NAME}")
    parser.add_argument("-c", dest="config", type=Path, metavar="FILE", help=f"configuration ({SYSTEM_DIRECTORY / CURRENT_NAME})")
    parser.add_argument("--database", type=Path, metavar="FILE", help="DuckDB file, instead of the configured database")


def configuration_of(given: argparse.Namespace) -> Path:
    """The file that -l or -c names, or the system's."""
    return locate(given.local, given.config).current


def with_file(store: Store, database: Path | None) -> Store:
    """The store with another DuckDB file as its database, if one is given."""
    return replace(store, backend="duckdb", database=database) if database else store
