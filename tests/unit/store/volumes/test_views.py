"""The manager's, the operator's and the conversation's view, beside sums over the kept rows, one by one."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.oracles.volume_twin import DAY
from tests.unit.store.volumes.contents import kept
from tests.unit.store.volumes.world import MIDNIGHT, made
from tmon_store.volumes.aggregate import sum_up
from tmon_store.volumes.views import Chosen, conversation, manager, operator

NAMES = ("start", "probe", "flow_class", "interface", "host", "peer", "host_role", "protocol", "service", "activity", "location",
         "country", "peer_activity", "peer_location", "peer_country", "relation")
TURNED = {"client": "server", "server": "client", None: None}
MANAGER = ("activity", "location", "relation", "peer_activity", "peer_place")
OPERATOR = ("activity", "location", "host", "host_role", "protocol", "service", "relation")
CONVERSATION = ("host", "peer", "host_role", "protocol", "service", "relation")
SINCE = datetime(2023, 11, 15)  # noqa: DTZ001 as the database has it
CHOICES = [
    Chosen(), Chosen("1h"), Chosen(probe="p1"), Chosen(flow_class="both"), Chosen("1h", since=SINCE), Chosen(until=SINCE),
    Chosen(activity="science"), Chosen(location="north"), Chosen(host="10.0.0.1"), Chosen(host="198.51.100.7"),
    Chosen(service="http"), Chosen(source="netflow"), Chosen("1h", flow_class="both", activity="finance", location="north"),
]


def rows(store, chosen):
    """Kept rows as dictionaries; those that are wanted but for activity, location and host."""
    for key, counts in kept(store, chosen.granularity, chosen.source).items():
        row = dict(zip(NAMES, key, strict=True))
        since, until = ((t - datetime(1970, 1, 1)).total_seconds() if t else None  # noqa: DTZ001
                        for t in (chosen.since, chosen.until))
        if (since is None or row["start"] >= since) and (until is None or row["start"] < until) and all(
                getattr(chosen, n) in ("", row[n]) for n in ("probe", "flow_class", "service")):
            yield row, counts


def seen_from_both(store, chosen):
    """Each row as its host sees it, and, where the peer is not in the Internet, as that one does."""
    for row, counts in rows(store, chosen):
        turned = {n: row[n.removeprefix("peer_")] if n.startswith("peer_") else row.get(f"peer_{n}", row[n]) for n in NAMES}
        turned |= {"host": row["peer"], "peer": row["host"], "host_role": TURNED[row["host_role"]]}
        yield row, counts
        if None not in (row["host"], row["peer"]) and row["host"] != row["peer"] and row["peer_location"] != "Internet":
            yield turned, (counts[1], counts[0], counts[3], counts[2], counts[4])


def sums(found, columns):
    """Sums by probe, class and the columns."""
    total = defaultdict(lambda: [0] * 5)
    for row, counts in found:
        internet = row["peer_location"] == "Internet"
        told = {**row, "peer_place": (row["peer_country"] or "Internet") if internet else row["peer_location"]}
        key = tuple(told[n] for n in ("probe", "flow_class", *columns))
        total[key] = [a + b for a, b in zip(total[key], counts, strict=True)]
    return {key: tuple(counts) for key, counts in total.items()}


@pytest.fixture
def filled(opened):
    """A world of two days."""
    store = opened(made(3))
    for source in ("probe", "netflow"):
        for number in (0, -DAY):
            sum_up(store, datetime.fromtimestamp(MIDNIGHT + number, UTC).date(), source)
    return store


def test_views_equal_slow_sums(filled):
    """Whatever is chosen: the same rows on every engine, most octets first."""
    for chosen in CHOICES:
        for view, columns in ((manager, MANAGER), (operator, OPERATOR)):
            wanted = [(r, c) for r, c in seen_from_both(filled, chosen)
                      if all(getattr(chosen, n) in ("", r[n]) for n in ("activity", "location", "host"))]
            check(filled.query(view(chosen)), sums(wanted, columns), columns)
        wanted = [(r, c) for r, c in rows(filled, chosen)
                  if all(getattr(chosen, n) in ("", r[n], r[f"peer_{n}"]) for n in ("activity", "location"))
                  and chosen.host in ("", r["host"], r["peer"])]
        check(filled.query(conversation(chosen)), sums(wanted, CONVERSATION), CONVERSATION)


def check(found, expected, columns):
    width = 2 + len(columns)
    assert expected == {row[:width]: row[width:] for row in found}
    assert len(found) == len(expected)
    octets = [row[width] + row[width + 1] for row in found]
    assert octets == sorted(octets, reverse=True)


def test_over_time(filled):
    """In order of time; the sums of all times are those of the whole."""
    chosen = Chosen("1h", flow_class="both")
    for view, width in ((manager, 7), (operator, 9), (conversation, 8)):
        found = filled.query(view(replace(chosen, over_time=True)))
        assert [row[0] for row in found] == sorted(row[0] for row in found)
        assert len({row[0] for row in found}) > 1
        total = defaultdict(lambda: [0] * 5)
        for row in found:
            key = row[1 : width + 1]
            total[key] = [a + b for a, b in zip(total[key], row[width + 1 :], strict=True)]
        assert {row[:width]: list(row[width:]) for row in filled.query(view(chosen))} == total
