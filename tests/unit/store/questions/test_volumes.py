"""Questions about volumes, beside the rows that the slow twin gives, put together here."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

import pytest

from tests.oracles.volume_twin import DAY
from tests.unit.store.questions.oracle import last_if_empty
from tests.unit.store.volumes.contents import know
from tests.unit.store.volumes.world import MIDNIGHT, made
from tmon_common.config.store_model import Store
from tmon_store.load import load_spool
from tmon_store.open import open_store
from tmon_store.questions import QUESTIONS
from tmon_store.questions.ask import Wishes, ask
from tmon_store.volumes.aggregate import ensure, sum_up

NOW = datetime(2023, 12, 1)  # noqa: DTZ001
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
TODAY = EPOCH + timedelta(seconds=MIDNIGHT)
SEED = 3


@pytest.fixture(scope="module")
def world():
    return made(SEED)


@pytest.fixture(scope="module", params=["duckdb", "mysql"])
def store(request, world, tmp_path_factory):
    """Volumes of three days."""
    folder = tmp_path_factory.mktemp("volumes")
    where = Store(database=folder / "t.duckdb") if request.param == "duckdb" else request.getfixturevalue("mariadb").store()
    world.write(folder / "spool")
    assert load_spool(folder / "spool", where).rejected == 0
    store = open_store(where)
    ensure(store)
    know(store)
    for number in (-1, 0, 1):
        for source in ("probe", "netflow"):
            sum_up(store, (TODAY + timedelta(days=number)).date(), source)
    yield store
    store.close()


def seen(world, granularity, source, both_ends):
    """Rows of the twin as dictionaries; with both_ends, those between own hosts a second time, turned round."""
    names = ("start", "probe", "flow_class", "interface", "host", "peer", "host_role", "protocol", "service", "activity",
             "location", "country", "peer_activity", "peer_location", "peer_country", "relation")
    for number in (-1, 0, 1):
        for key, counts in world.expected(MIDNIGHT + number * DAY, {"1h": 3600, "1day": DAY}[granularity], source).items():
            row = dict(zip(names, key, strict=True)) | dict(zip(
                ("octets_out", "octets_in", "packets_out", "packets_in", "flows"), counts, strict=True))
            row["start"] = EPOCH + timedelta(seconds=row["start"])
            yield row
            if both_ends and None not in (row["host"], row["peer"]) and row["host"] != row["peer"] and (
                    row["peer_location"] != "Internet"):
                other = {"host": "peer", "activity": "peer_activity", "location": "peer_location", "country": "peer_country",
                         "octets_out": "octets_in", "packets_out": "packets_in"}
                turned = row | {a: row[b] for a, b in other.items()} | {b: row[a] for a, b in other.items()}
                yield turned | {"host_role": {"client": "server", "server": "client"}.get(row["host_role"])}


KEYS = {
    "volumes": ("probe", "flow_class", "activity", "location", "relation", "peer_activity", "peer_place"),
    "volumes-over-time": ("start", "probe", "flow_class", "activity", "location", "relation", "peer_activity", "peer_place"),
    "volumes-hosts": ("probe", "flow_class", "activity", "location", "host", "host_role", "protocol", "service", "relation"),
    "volumes-conversations": ("probe", "flow_class", "host", "peer", "host_role", "protocol", "service", "relation"),
}
WISHES = {
    "all": (Wishes(limit=0), lambda row: True),
    "hours": (Wishes(limit=0, by="1h"), lambda row: True),
    "a day": (Wishes(TODAY, TODAY + timedelta(days=1), limit=0), lambda row: row["start"].date() == TODAY.date()),
    "an hour": (Wishes(TODAY + timedelta(hours=1), TODAY + timedelta(hours=2), limit=0),
                lambda row: row["start"] == TODAY + timedelta(hours=1)),
    "netflow": (Wishes(source="netflow", limit=0), lambda row: True),
    "class": (Wishes(flow_class="both", probe="p1", limit=0), lambda row: (row["flow_class"], row["probe"]) == ("both", "p1")),
    "service": (Wishes(service="http", limit=0), lambda row: row["service"] == "http"),
}


@pytest.mark.parametrize("wished", WISHES)
@pytest.mark.parametrize("name", KEYS)
def test_volumes(store, world, name, wished):
    """Sums of the twin's rows, in the order promised."""
    wishes, wanted = WISHES[wished]
    answer = ask(store, QUESTIONS[name], wishes, NOW)
    groups: dict[tuple, list[int]] = defaultdict(lambda: [0] * 5)
    for row in seen(world, answer.scope.span.granularity, wishes.source, name != "volumes-conversations"):
        place = (row["peer_country"] or "Internet") if row["peer_location"] == "Internet" else row["peer_location"]
        if wanted(row):
            sums = groups[tuple(({**row, "peer_place": place})[n] for n in KEYS[name])]
            for at, count in enumerate(("octets_out", "octets_in", "packets_out", "packets_in", "flows")):
                sums[at] += row[count]
    rows = [(*key, *sums) for key, sums in groups.items()]
    width = len(KEYS[name])
    rows.sort(key=lambda r: (0 if name == "volumes-over-time" else -r[width] - r[width + 1], last_if_empty(r[:width])))
    assert rows == answer.rows
    assert all(len(row) == len(QUESTIONS[name].columns) for row in answer.rows)
    assert rows or wished == "an hour"


@pytest.mark.parametrize(("wishes", "column"), [
    (Wishes(activity="science"), "activity"), (Wishes(location="north"), "location"), (Wishes(addresses=("10.0.0.1",)), "host")])
def test_narrowed_to_a_place(store, wishes, column):
    """An activity, a location or a host, as seen from it; conversations have it at either end."""
    names = [c.name for c in QUESTIONS["volumes-hosts"].columns]
    rows = ask(store, QUESTIONS["volumes-hosts"], wishes, NOW).rows
    assert {wishes.addresses[0] if column == "host" else getattr(wishes, column)} == {row[names.index(column)] for row in rows}
    assert ask(store, QUESTIONS["volumes-conversations"], wishes, NOW).rows
