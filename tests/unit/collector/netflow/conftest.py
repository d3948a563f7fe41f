"""What the tests of the decoder share."""

import pytest

from tests.unit.collector.netflow.reader import Reader


@pytest.fixture
def read():
    return Reader()
