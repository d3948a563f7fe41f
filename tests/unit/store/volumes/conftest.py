"""Databases of made-up traffic, for tests of volumes."""

import pytest

from tests.unit.store.volumes.contents import know
from tmon_common.config.store_model import Store
from tmon_store.load import load_spool
from tmon_store.open import open_store
from tmon_store.volumes.aggregate import ensure


@pytest.fixture(params=["duckdb", "mysql"])
def where(request, tmp_path):
    """<store> of a database that does not exist yet."""
    if request.param == "duckdb":
        return Store(database=tmp_path / "t.duckdb")
    return request.getfixturevalue("mariadb").store()


@pytest.fixture
def opened(where, tmp_path):
    """A way to open the database with what a world has."""
    stores = []

    def opened(world=None):
        if world is not None:
            world.write(tmp_path / "spool")
        assert load_spool(tmp_path / "spool", where).rejected == 0
        store = open_store(where)
        stores.append(store)
        ensure(store)
        know(store)
        return store

    yield opened
    for store in stores:
        store.close()
