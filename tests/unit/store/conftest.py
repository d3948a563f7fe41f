"""What tests of reports share."""

import duckdb
import pytest

from tmon_common.config.store_model import Store
from tmon_store.open import open_store


@pytest.fixture(params=["duckdb", "mysql"])
def where(request, tmp_path):
    """A database that is not there yet, of either engine: a question has the same answer from both."""
    return tmp_path / "t.duckdb" if request.param == "duckdb" else request.getfixturevalue("mariadb").store()


@pytest.fixture
def forget(mariadb):
    """What takes tables or views out of a database."""
    def forget(where, *changes):
        if isinstance(where, Store):
            mariadb.sql(";".join(changes), str(where.database))
        else:
            with duckdb.connect(where) as connection:
                connection.execute(";".join(changes))

    return forget


@pytest.fixture
def store(database):
    """The database that the module's fixture of that name has made."""
    store = open_store(database, read_only=True)
    yield store
    store.close()
