"""Which database a command is about: a DuckDB file, or what a configuration says."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tmon_common.config.locate import locate

if TYPE_CHECKING:
    from tmon_common.config.model import Configuration
    from tmon_common.config.store_model import Store

DATABASE_HELP = "a DuckDB file, or the name of a database on the server of the configuration"


class NoDatabaseError(Exception):
    """The arguments or the configuration do not say which; the text does, and what to do."""


def add_configuration_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", dest="config", type=Path, metavar="FILE",
                        help=f"configuration whose database is asked, where none is given ({locate().current})")


def configuration_of(options: argparse.Namespace, database: str | None) -> Configuration | None:
    """The one that -c names; the system's, where no database is given. None: none is needed. NoDatabaseError if it is of no use."""
    if options.config is None and database is not None:
        return None
    from tmon_common.config.problems import ConfigurationError
    from tmon_common.config.read import read

    try:
        return read(options.config or locate().current)
    except (ConfigurationError, OSError) as error:
        where = "" if options.config else "; expected a DATABASE, or a configuration (-c FILE)"
        raise NoDatabaseError(f"{error}{where}") from None


def database_of(configuration: Configuration | None, database: str | None) -> Store | Path:
    """What `open_store` takes. database: as in DATABASE_HELP; None: that of the configuration."""
    if configuration is None:
        return Path(database)
    store = configuration.store
    if store.backend == "duckdb":
        return Path(database or store.database)
    return replace(store, database=database) if database else store
