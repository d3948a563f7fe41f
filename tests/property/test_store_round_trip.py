"""What is loaded is what the files say: whatever their order, however often, however late, whoever was killed. On both backends."""

import pickle
import random
import shutil
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.store.rows import frames, write
from benchmarks.store.site import Site
from tests.property.store_files import LENGTHS, Samples, all_kinds, stored_totals
from tmon_common.config.store_model import Store
from tmon_common.observations import FLOW_DEFINITION, KINDS
from tmon_store.load import load_spool
from tmon_store.open import open_store

KINDS_LOADED = ("ip_counters", "tcp_counters", "round_trip_histogram", "round_trip_bucket", "one_way_counters",
                "one_way_delay_bucket")
KINDS_OF_THE_MONTH = ("ip_counters", "round_trip_bucket", "one_way_counters")
LIFETIMES = ((0.4, 7), (0.3, 100), (0.3, 100_000))


@pytest.fixture(params=["duckdb", "mysql"])
def where(request, tmp_path):
    if request.param == "duckdb":
        return Store("duckdb", tmp_path / "t.duckdb")
    return request.getfixturevalue("mariadb").store()


def test_any_order_repeats_late_files_and_kills(where, tmp_path):
    """Files of three days, cut at random, loaded in random portions by loaders of which some are killed: all sums are those of the
    files."""
    luck = random.Random(7)
    site = Site(flows=30, hosts=5, servers=7, lifetimes=LIFETIMES, days=3, seed=7)
    spool, aside = tmp_path / "spool", tmp_path / "aside"
    files = _cut(site, luck, aside)
    luck.shuffle(files)
    spool.mkdir()
    killed = 0
    while files:
        for _ in range(luck.randint(1, 12)):
            if files:
                shutil.copy(files.pop(), spool)
        if luck.random() < 0.6:
            killed += _killed(where, spool, luck.randrange(80))
        else:
            load_spool(spool, where)
            load_spool(spool, where)  # again: nothing comes twice
    load_spool(spool, where)
    assert killed >= 3, "the loader was to be killed"
    _check(where, site, aside, KINDS_LOADED, [(0, 72), *_ranges(luck, 72)])


def test_a_month_day_by_day(where, tmp_path):
    """31 days, loaded one by one, the third once more at the end: sums of any days, hours and minutes are those of the files."""
    luck = random.Random(8)
    site = Site(flows=20, hosts=5, servers=7, lifetimes=LIFETIMES, days=31, seed=8)
    spool = tmp_path / "spool"
    spool.mkdir()
    late: list[tuple] = []
    for day in range(31):
        minutes = sorted(luck.sample(range(1440), 12))
        if day == 2:
            late = minutes[6:]
            minutes = minutes[:6]
        _write(site, spool, [day * 1440 + m for m in minutes], f"day{day:02}")
        if day % 3 == 2:
            load_spool(spool, where)
    _write(site, spool, [2 * 1440 + m for m in late], "late")
    load_spool(spool, where)
    _check(where, site, spool, KINDS_OF_THE_MONTH, [(0, 31 * 24), (48, 72), *_ranges(luck, 31 * 24)])


def _cut(site: Site, luck: random.Random, folder: Path) -> list[Path]:
    """Files of rows of some minutes, in which each row stands once; most minutes follow each other closely, so that hours share
    days and minutes share hours."""
    folder.mkdir()
    minutes = sorted({*(luck.randrange(site.days * 1440) for _ in range(20)), *range(1430, 1450)})
    parts = frames(site, [0, *minutes], (FLOW_DEFINITION.name, *KINDS_LOADED))
    files = []
    for name, frame in parts.items():
        shuffled = frame.sample(fraction=1, shuffle=True, seed=luck.randrange(1000))
        number, position = 0, 0
        while position < shuffled.height:
            rows = luck.randint(1, max(2, shuffled.height // 4))
            files.append(write(folder, KINDS[name], shuffled[position : position + rows], f"{number:04}"))
            number, position = number + 1, position + rows
    return files


def _write(site: Site, spool: Path, minutes: list[int], stamp: str) -> None:
    for name, frame in frames(site, minutes, (FLOW_DEFINITION.name, *KINDS_OF_THE_MONTH)).items():
        write(spool, KINDS[name], frame, stamp)


def _killed(where: Store, spool: Path, call: int) -> bool:
    """Run a loader that kills itself at a call of the database; whether it got that far."""
    command = [sys.executable, "-m", "tests.property.killed_loader", pickle.dumps(where).hex(), str(spool), str(call)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def _ranges(luck: random.Random, hours: int) -> list[tuple[int, int]]:
    """Time ranges, hours after the first."""
    return [tuple(sorted(luck.sample(range(hours + 1), 2))) for _ in range(6)]


def _check(where: Store, site: Site, folder: Path, kinds: tuple[str, ...], ranges: list[tuple[int, int]]) -> None:
    first = datetime.fromtimestamp(site.first_ns // 10**9, site.first.tzinfo).replace(tzinfo=None)
    store = open_store(where, read_only=True)
    try:
        for kind in all_kinds(*kinds):
            samples = Samples(kind, sorted(folder.glob(f"{kind.name}.*.csv")))
            assert samples.rows
            for hours in ranges:
                begin, end = (first + timedelta(hours=h) for h in hours)
                expected = samples.totals(begin, end)
                for granularity in LENGTHS:
                    if granularity != "1day" or not (hours[0] % 24 or hours[1] % 24):
                        assert expected == stored_totals(store, kind, granularity, begin, end), (kind.name, granularity, hours)
            day = samples.totals(first, first + timedelta(days=1))
            minute = first + timedelta(minutes=5)
            assert samples.totals(minute, first + timedelta(hours=7)) == stored_totals(
                store, kind, "1min", minute, first + timedelta(hours=7))
            assert day == stored_totals(store, kind, "1day", first, first + timedelta(days=1))
    finally:
        store.close()
