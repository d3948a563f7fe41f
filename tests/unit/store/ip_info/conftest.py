"""A database of each kind, with a few flows and records."""

import pytest

from tests.unit.store.spool_files import START, row_of, write_file
from tmon_common.config.store_model import Store
from tmon_store.load import load_spool

CLOCK = "2026-11-26T07:00:00"


@pytest.fixture(params=["duckdb", "mysql"])
def where(request, tmp_path):
    """<store> of a database that does not exist yet."""
    if request.param == "duckdb":
        return Store(database=tmp_path / "t.duckdb")
    return request.getfixturevalue("mariadb").store()


class Loading:
    """Files of a spool, loaded at once."""

    def __init__(self, spool, where):
        self.spool, self.where, self._files = spool, where, 0

    def load(self, kind, *rows):
        self._files += 1
        write_file(self.spool, kind, [row_of(kind, **r) for r in rows], f"20231114T22{self._files:04}Z")
        assert load_spool(self.spool, self.where).rejected == 0

    def flows(self, first, *pairs):
        self.load("flow_definition", *({"flow": first + i, "flow_class": "all", "src_addr": a, "dst_addr": b}
                                       for i, (a, b) in enumerate(pairs)))


@pytest.fixture
def loading(tmp_path, where):
    return Loading(tmp_path / "spool", where)


@pytest.fixture
def some(loading):
    """Two flows, a connection that has other addresses, a server in counters; a flow without description."""
    loading.flows(1, ("10.1.0.1", "198.51.100.1"), ("2001:db8::1", "224.0.0.5"))
    loading.load("tcp_connection", {"flow": 1, "client_addr": "10.1.0.2", "server_addr": "8.8.8.8"})
    loading.load("round_trip_histogram", {"flow": 2, "metric": "dns", "responder_addr": "192.0.2.53", "histogram": "d"})
    loading.load("ip_counters", {"flow": 7, "start": START * 10**9, "packets": 1})
    return loading
