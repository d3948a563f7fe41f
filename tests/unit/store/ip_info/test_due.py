"""Which names are asked for, and what becomes of the answers, on both backends, with a clock and name servers made up."""

from datetime import UTC, datetime, timedelta

import pytest

from tmon_common.config.store_model import Names
from tmon_store.access import Access
from tmon_store.ip_info import update as module
from tmon_store.ip_info.answers import Answer
from tmon_store.ip_info.describe import Describer
from tmon_store.ip_info.due import RETRY_FAILED
from tmon_store.ip_info.geoip import GeoIP
from tmon_store.ip_info.rows import page_after
from tmon_store.ip_info.update import Update
from tmon_store.open import open_store
from tmon_store.organisation import Declaration, Organisation

NOW = datetime(2026, 11, 26, 7, tzinfo=UTC).replace(tzinfo=None)
REFRESH = timedelta(days=30)
SECOND = timedelta(seconds=1)


class Servers:
    """says: address -> name, None for no name; an address that is not there fails. asked: in the order of the questions."""

    def __init__(self, says):
        self.says, self.asked, self.stop_after = dict(says), [], None
        self.gave_up, self.servers = False, "nobody"

    def __call__(self, _names):
        return self

    def resolve(self, addresses, answered):
        for address in addresses:
            if self.stop_after is not None and len(self.asked) == self.stop_after:
                raise KeyboardInterrupt
            self.asked.append(address)
            name = self.says.get(address, self)
            answered(Answer(address, "failed") if name is self else Answer(address, "found" if name else "none", name))


@pytest.fixture
def servers(monkeypatch):
    made = Servers({"10.1.0.1": "one.example", "10.1.0.2": None})
    monkeypatch.setattr(module, "Resolver", made)
    return made


@pytest.fixture
def run(where, loading, servers):
    """Gives the addresses that a run at that time asks for."""
    loading.flows(1, ("10.1.0.1", "10.1.0.2"), ("10.1.0.3", "224.0.0.1"))

    def _run(now, everything=False, organisation=None):
        servers.asked = []
        Update(Access(where, 0), Describer(organisation or Organisation(), GeoIP([])), Names(), lambda: now, everything).run()
        return servers.asked
    return _run


def names(where):
    store = open_store(where, read_only=True)
    try:
        return {r["address"]: (r["name_status"], r["name"], r["name_checked"]) for r in page_after(store, "", 100)}
    finally:
        store.close()


def test_answers_count_for_a_while(where, run, servers):
    """A name and that there is none count for `refresh`, a failure for an hour; new addresses come first; --all asks for all."""
    assert ["10.1.0.1", "10.1.0.2", "10.1.0.3"] == run(NOW)
    assert {"10.1.0.1": ("found", "one.example", NOW), "10.1.0.2": ("none", None, NOW), "10.1.0.3": ("failed", None, NOW),
            "224.0.0.1": ("skipped", None, None)} == names(where)
    assert [] == run(NOW + RETRY_FAILED - SECOND)
    assert ["10.1.0.3"] == run(NOW + RETRY_FAILED)
    assert ["10.1.0.3"] == run(NOW + REFRESH - SECOND)
    assert ["10.1.0.1", "10.1.0.2"] == run(NOW + REFRESH)
    assert ["10.1.0.3", "10.1.0.1", "10.1.0.2"] == run(NOW + REFRESH + SECOND, everything=True)


def test_names_change(where, run, servers):
    """A new name, a name that has gone, a name for what had none; a server that fails takes no name away."""
    run(NOW)
    servers.says = {"10.1.0.2": "two.example", "10.1.0.3": "three.example"}
    then = NOW + REFRESH
    run(then)
    assert {"10.1.0.1": ("failed", "one.example", then), "10.1.0.2": ("found", "two.example", then),
            "10.1.0.3": ("found", "three.example", then)} == {a: n for a, n in names(where).items() if a != "224.0.0.1"}
    servers.says["10.1.0.1"] = None
    run(then + RETRY_FAILED)
    assert ("none", None, then + RETRY_FAILED) == names(where)["10.1.0.1"]


def test_declared_names(where, run):
    """Nobody is asked for them; when they are declared no longer, the DNS is."""
    declared = Organisation([Declaration("10.1.0.0/16", "A", "L"), Declaration("10.1.0.1", name="first")])
    assert ["10.1.0.2", "10.1.0.3"] == run(NOW, organisation=declared)
    assert ["10.1.0.2", "10.1.0.3"] == sorted(run(NOW, everything=True, organisation=declared))
    assert ("declared", "first", None) == names(where)["10.1.0.1"]
    assert ["10.1.0.1"] == run(NOW)
    assert ("found", "one.example", NOW) == names(where)["10.1.0.1"]
    assert [] == run(NOW, organisation=declared)
    assert "declared" == names(where)["10.1.0.1"][0]


def test_written_piece_by_piece(where, run, servers, monkeypatch):
    """What was answered before an interruption is kept, within a piece, too."""
    monkeypatch.setattr(module, "NAMES_AT_ONCE", 2)
    servers.stop_after = 1
    with pytest.raises(KeyboardInterrupt):
        run(NOW)
    assert ["found", None, None] == [s for s, *_ in names(where).values()][:3]
    servers.stop_after = None
    assert ["10.1.0.2", "10.1.0.3"] == run(NOW + SECOND)
