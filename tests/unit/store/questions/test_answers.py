"""Every question, beside what slow code counts in the files; whatever the time asked for, and what it is narrowed to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from unittest import mock

import duckdb
import pytest

from tests.unit.store.questions import oracle
from tests.unit.store.questions.made import FIRST, HOSTS, made
from tests.unit.store.questions.oracle import Asked, moment
from tmon_store.load import load_spool
from tmon_store.open import open_store
from tmon_store.questions import QUESTIONS, round_trips
from tmon_store.questions.ask import Wishes, ask

NOW = datetime(2023, 12, 1, 12, 0, 30)  # noqa: DTZ001
HOUR = moment(FIRST * 10**9).replace(minute=0)
DAY = HOUR.replace(hour=0)
NARROWED = {
    "all": Wishes(),
    "hours": Wishes(HOUR, HOUR + timedelta(hours=1)),
    "days": Wishes(DAY + timedelta(days=1)),
    "minutes": Wishes(HOUR + timedelta(minutes=15), HOUR + timedelta(minutes=19)),
    "by minutes": Wishes(until=DAY + timedelta(days=2), by="1min"),
    "probe": Wishes(probe="west", by="1h"),
    "class": Wishes(flow_class="hosts"),
    "address": Wishes(addresses=(HOSTS[0],)),
    "addresses": Wishes(addresses=HOSTS[1:3], probe="east"),
    "flow": Wishes(flow=3, by="1min"),
    "nothing": Wishes(HOUR - timedelta(days=9), HOUR - timedelta(days=8)),
}
OPTIONS = {"probe": "probe", "class": "flow_class", "address": "addresses", "flow": "flow", "by": "by"}


@pytest.fixture(scope="module")
def observations():
    return made()


@pytest.fixture(scope="module", params=["duckdb", "mysql"])
def database(request, observations, tmp_path_factory):
    """What `open_store` takes, filled."""
    folder = tmp_path_factory.mktemp("questions")
    where = folder / "t.duckdb" if request.param == "duckdb" else request.getfixturevalue("mariadb").store()
    observations.write(folder / "spool")
    assert not load_spool(folder / "spool", where).rejected
    return where


@pytest.fixture(scope="module")
def store(database):
    store = open_store(database, read_only=True)
    yield store
    store.close()


@pytest.fixture(scope="module")
def numbers(store):
    return {tuple(identity): key for *identity, key in store.query("SELECT probe, run, flow, flow_key FROM flow")}


def usable(question, wishes):
    """The wishes that the question knows."""
    return replace(wishes, limit=0, **{field: Wishes().__dict__[field] for option, field in OPTIONS.items()
                                       if option not in question.narrowed})


def answered(store, name, wishes):
    """Answer, and what the oracle is to count."""
    return ask(store, QUESTIONS[name], wishes, NOW)


def asked_of(observations, numbers, answer, wishes):
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001
    span = answer.scope.span
    ends = [None if end is None else (end - epoch) // timedelta(microseconds=1) * 1000 for end in (span.since, span.until)]
    since, until = 0 if ends[0] is None else ends[0], 1 << 62 if ends[1] is None else ends[1]
    return Asked(observations, numbers, since, until, span.granularity, wishes.probe, wishes.flow_class, wishes.addresses,
                 wishes.flow)


@pytest.mark.parametrize("narrowed", NARROWED)
@pytest.mark.parametrize("name", oracle.EXACT)
def test_rows_and_their_order(store, observations, numbers, name, narrowed):
    """Counted in the files, row by row; the names of columns as many as values."""
    wishes = usable(QUESTIONS[name], NARROWED[narrowed])
    answer = answered(store, name, wishes)
    expected = oracle.EXACT[name](asked_of(observations, numbers, answer, wishes))
    assert expected == answer.rows
    assert expected or narrowed != "all" or name == "gaps"
    assert all(len(row) == len(QUESTIONS[name].columns) for row in answer.rows)


@pytest.mark.parametrize("narrowed", NARROWED)
@pytest.mark.parametrize("name", oracle.NEAR)
def test_percentiles(store, observations, numbers, name, narrowed):
    """Within 2 % of the true ones, all else exact, ordered by the one that is meant."""
    counted, width, slowest = oracle.NEAR[name]
    wishes = usable(QUESTIONS[name], NARROWED[narrowed])
    answer = answered(store, name, wishes)
    expected = counted(asked_of(observations, numbers, answer, wishes))
    assert expected.keys() == {row[:width] for row in answer.rows}
    assert len(expected) == len(answer.rows)
    estimates = {c.name for c in QUESTIONS[name].columns if c.name.endswith("_ns") and c.name.startswith(("p", "others"))}
    for row in answer.rows:
        for column, value, true in zip(QUESTIONS[name].columns[width:], row[width:], expected[row[:width]], strict=True):
            if column.name in estimates and true is not None:
                assert value == pytest.approx(true, rel=0.0202), column.name
            elif column.name in ("mean_ns", "ipdv_ns") and true is not None:
                assert value == pytest.approx(true, abs=0.51)
            else:
                assert (column.name, value) == (column.name, true)
    if slowest:
        order = [row[width + slowest - 1] for row in answer.rows]
        known = [value for value in order if value is not None]
        assert order[:len(known)] == known, "what is not known comes last"
        assert all(later <= earlier * 1.04 for earlier, later in pairwise(known) if earlier > 0)


@pytest.mark.parametrize("granularity", ["1min", "1h", "1day"])
@pytest.mark.parametrize("flow", [1, 3, 4, 9])
def test_a_flow_over_time(store, observations, numbers, flow, granularity):
    """Each interval holds what was counted in it; median and 95th percentile within 2 %."""
    wishes = Wishes(flow=flow, by=granularity)
    answer = answered(store, "story", wishes)
    expected = oracle.story(asked_of(observations, numbers, answer, wishes))
    names = [c.name for c in QUESTIONS["story"].columns]
    assert sorted(expected) == [row[0] for row in answer.rows]
    for row in answer.rows:
        found = dict(zip(names, row, strict=True))
        counted = expected[row[0]]
        for name, percent in (("p50_ns", 50), ("p95_ns", 95)):
            took = counted.get("took")
            assert found[name] == (None if not took else pytest.approx(oracle.rank(took, percent), rel=0.0202))
        assert {n: counted.get(n, 0) for n in names if n not in ("start", "p50_ns", "p95_ns")} == {
            n: v for n, v in found.items() if n not in ("start", "p50_ns", "p95_ns")}


def test_hops_by_name(store):
    """Where a configuration says what they are called."""
    named = ask(store, QUESTIONS["lost-after"], Wishes(), NOW, {"all": ("lan", "wan")}).rows
    assert {("all", 1, "lan"), ("all", 2, "wan"), ("all", 3, None), ("hosts", 1, None)} <= {row[:3] for row in named}


def test_what_is_loaded(store, observations):
    """Files and rows of each kind; time and age of what has one."""
    answer = answered(store, "loaded", Wishes())
    assert {kind: (2, len(rows)) for kind, rows in observations.files.items()} == {row[0]: row[1:3] for row in answer.rows}
    by_kind = {row[0]: row for row in answer.rows}
    times = [row["time"] for row in observations.files["event"]]
    assert (moment(min(times)), moment(max(times))) == by_kind["event"][6:8]
    starts = [row["start"] // (60 * 10**9) * 60 * 10**9 for row in observations.files["ip_counters"]]
    assert (moment(min(starts)), moment(max(starts)) + timedelta(minutes=1)) == by_kind["ip_counters"][6:8]
    assert (NOW - by_kind["ip_counters"][7]) // timedelta(microseconds=1) * 1000 == by_kind["ip_counters"][8]


@pytest.mark.parametrize("name", [q for q in QUESTIONS if q != "story"])
def test_limits_cut_the_end(store, name):
    """The first rows of the whole answer, and word that there are more."""
    whole = answered(store, name, Wishes(limit=0))
    few = answered(store, name, Wishes(limit=2))
    assert whole.rows[:2] == few.rows
    assert not whole.more
    assert few.more == (len(whole.rows) > 2)


@pytest.mark.parametrize("limit", [1, 2, 3, 9])
def test_the_worst_are_found_among_the_longest(store, monkeypatch, limit):
    """The same rows as when all are looked at, and without looking at all."""
    whole = answered(store, "round-trips", Wishes(limit=0)).rows
    monkeypatch.setattr(round_trips, "CANDIDATES", 10 * (limit + 1))
    told = mock.Mock(side_effect=round_trips._told)
    monkeypatch.setattr(round_trips, "_told", told)
    assert whole[:limit] == answered(store, "round-trips", Wishes(limit=limit)).rows
    few = [call for call in told.call_args_list if len(call.args) == 5]
    assert len(few) == 1 or len(whole) <= 10 * (limit + 1)


def test_a_database_that_lacks_tables(tmp_path, observations):
    """Of an older version, or where nothing of a kind was loaded: no answer, no error."""
    copy = tmp_path / "t.duckdb"
    observations.write(tmp_path / "spool")
    load_spool(tmp_path / "spool", copy)
    with duckdb.connect(copy) as connection:
        for kind in ("event", "tcp_connection", "probe_clock"):
            connection.execute(f"DROP TABLE {kind}")
        connection.execute("DROP VIEW tcp_counters_1day")
    store = open_store(copy, read_only=True)
    answers = {name: answered(store, name, Wishes(flow=1 if name == "story" else None)) for name in QUESTIONS}
    store.close()
    assert [[], [], []] == [answers[name].rows for name in ("events", "tcp-trouble", "tcp-resets")]
    assert all(answers[name].rows for name in ("clocks", "errors", "story", "talkers"))
    assert {"packets"} == {row[0] for row in answers["clocks"].rows}
