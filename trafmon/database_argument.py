"""Which database a command is about: a DuckDB file, or what a configuration says."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tmon_common.config.store_model import Store


class NoDatabaseError(Exception):
    """The arguments or the configuration do not say which; the text does, and what to do."""


def add_database_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("database", type=Path, nargs="?", metavar="FILE", help="DuckDB file that the loader filled")
    parser.add_argument("-c", dest="config", type=Path, metavar="FILE", help="configuration whose <store> says which database")


def database_of(options: argparse.Namespace) -> Store | Path:
    """What `open_store` takes. NoDatabaseError."""
    if options.database and options.config:
        raise NoDatabaseError("give a DuckDB file or -c and a configuration, not both")
    if options.database:
        return options.database
    if not options.config:
        raise NoDatabaseError("which database? Give a DuckDB file, or -c and a configuration")
    from tmon_common.config.problems import ConfigurationError
    from tmon_common.config.read import read

    try:
        return read(options.config).store
    except (ConfigurationError, OSError) as error:
        raise NoDatabaseError(str(error)) from None
