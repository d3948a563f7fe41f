"""A database that several tests use, each with flows of its own."""

import pytest

from tmon_store.mysql.template import loaders_tables
from tmon_store.open import open_store


@pytest.fixture(scope="module")
def shared(mariadb, tmp_path_factory):
    """A database that several tests use, each with flows of its own."""
    return mariadb.store("trafMon_shared")


@pytest.fixture
def store(shared):
    store = open_store(shared)
    store.ensure(*loaders_tables())
    yield store
    store.close()
