"""What tests of reports share."""

import pytest

from tmon_store.open import open_store


@pytest.fixture
def store(database):
    """The database that the module's fixture of that name has made."""
    store = open_store(database, read_only=True)
    yield store
    store.close()
