"""The sample configuration thresholds.xml with real programs, on the recorded demo link: its delay grows after 16 seconds."""

import csv
import json
import statistics
from collections import Counter, defaultdict
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import OWN_CAPTURES
from tests.oracles.demo_link import SIDES, exchanges, operations
from tests.pipeline.probe_process import Program, free_port, start_collector, until
from tmon_collector import health
from tmon_common.config.read import read

SAMPLE = Path(__file__).parents[2] / "etc" / "xml" / "thresholds.xml"
SECOND = 1_000_000_000
INTERVAL_S, ABOVE_NS, BACK_NS = 5, 45_000_000, 42_000_000
"""As the sample says of ping_slow."""


def crossings(side: str) -> list[tuple[str, int, float]]:
    """(code, start of the interval in s, median in s) by the log of the link alone: round trips by the second their answer came."""
    times = defaultdict(list)
    for transaction, mine in exchanges(side).items():
        for exchange in mine if transaction.metric == "icmp_echo" else ():
            asked_ns, took_ns = exchange.implied(side)
            if took_ns is not None:
                times[(asked_ns + took_ns) // SECOND // INTERVAL_S * INTERVAL_S].append(took_ns)
    found, crossed = [], False
    for start in sorted(times):
        median = statistics.median_low(times[start])
        if (median > ABOVE_NS and not crossed) or (median <= BACK_NS and crossed):
            crossed = not crossed
            found.append(("threshold_crossed" if crossed else "threshold_back", start, median / SECOND))
    return found


def configure(directory: Path, *changes: tuple[str, str]) -> None:
    """The sample in that directory, with keys."""
    text = SAMPLE.read_text().replace("../../tests/captures", str(OWN_CAPTURES)).replace("../../thresholds-out/", "")
    for old, new in (*changes, ('port="9777"', f'port="{free_port()}"')):
        assert old in text
        text = text.replace(old, new)
    (directory / "spool").mkdir()
    (directory / "tmon.xml").write_text(text)
    with Program("trafmon", directory, "keygen", "-l") as keygen:
        assert keygen.wait() == 0, keygen.messages


def told(directory: Path) -> list[dict[str, str]]:
    """Rows of the event files, those that thresholds told."""
    found = []
    for path in directory.glob("spool/event.demo.*"):
        with path.open(newline="") as file:
            found += [r for r in csv.DictReader(file) if r["probe"] == "demo" and r["code"].startswith("threshold_")]
    return found


def replay(directory: Path, side: str) -> None:
    with Program("tmon_probe", directory, "-l", side, name=side) as probe:
        assert probe.wait(180) == 0, probe.messages


def until_told(directory: Path, *expected: tuple[str, str]) -> None:
    """Until these (subject, code) are told, each as often as it is given."""
    until(lambda: Counter(expected) <= Counter((r["subject"], r["code"]) for r in told(directory)), f"{expected} are told", 60)


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> tuple[list[dict[str, str]], dict[str, int]]:
    """All that thresholds told of both recordings, and the statistics of the collector at its end."""
    directory = tmp_path_factory.mktemp("thresholds")
    configure(directory)
    with start_collector(directory) as collector, closing(health.attach(read(directory / "tmon.xml"), "demo")) as statistics:
        for side in SIDES:
            replay(directory, side)
        until_told(directory, ("ping_slow", "threshold_back"), *[("ftp_logins", "threshold_crossed")] * 2)
        collector.process.terminate()
        assert collector.wait() == 0, collector.messages
        return told(directory), statistics.snapshot()


@pytest.fixture(scope="module")
def events(played) -> list[dict[str, str]]:
    return played[0]


def test_how_many_are_crossed_is_seen_from_outside(played):
    """How often, which ones still are, and how many series of these."""
    told, numbers = played
    crossed = {(r["subject"], json.loads(r["details"])["series"]): r["code"] for r in sorted(told, key=lambda r: float(r["time"]))}
    still = [subject for (subject, _), code in crossed.items() if code == "threshold_crossed"]
    assert sum(r["code"] == "threshold_crossed" for r in told) == numbers["threshold_crossings"] > 0
    assert (len(set(still)), len(still)) == (numbers["thresholds_crossed"], numbers["series_crossed"])


def test_kill_9_between_crossing_and_return(tmp_path):
    """What is crossed is not told again by the next collector, which tells the return: here of a limit that the first recording
    crosses for good, and that the second collector is given a value to come back to."""
    kept = ("ping_slow", "threshold_crossed")
    configure(tmp_path, ('back="42ms"', 'back="1ms"'))
    with start_collector(tmp_path) as collector:
        replay(tmp_path, "west")
        until_told(tmp_path, kept, ("ftp_logins", "threshold_back"))
        collector.process.kill()
        collector.wait()
    with start_collector(tmp_path, name="again") as collector:
        replay(tmp_path, "west")
        until_told(tmp_path, *[("ftp_logins", "threshold_back")] * 2)
    assert [kept] == [(r["subject"], r["code"]) for r in told(tmp_path) if r["subject"] == "ping_slow"]
    path = tmp_path / "tmon.xml"
    path.write_text(path.read_text().replace('back="1ms"', 'back="42ms"'))
    with start_collector(tmp_path, name="last"):
        replay(tmp_path, "west")
        until_told(tmp_path, kept, ("ping_slow", "threshold_back"))


def test_a_step_of_the_delay_is_told(events):
    """In the intervals and with the medians that the log of the link implies; at the far end, where no ping is slow, nothing."""
    for side in SIDES:
        found = [(r["code"], json.loads(r["details"])) for r in events
                 if r["subject"] == "ping_slow" and f"probe {side}" in json.loads(r["details"])["series"]]
        expected = crossings(side)
        assert [(code, start) for code, start, _ in expected] == [(code, d["start"]) for code, d in found]
        for (_, _, median), (_, details) in zip(expected, found, strict=True):
            assert float(details["value"]) == pytest.approx(median, rel=0.021)
    assert ["threshold_crossed", "threshold_back"] == [code for code, *_ in crossings("west")]


def test_a_refused_login_is_told(events):
    """In the interval in which the client noted it."""
    [refused] = [o for o in operations("ftp_login") if o["result"] != "ok"]
    start = refused["end_ns"] // SECOND // INTERVAL_S * INTERVAL_S  # the client ends with the refusal
    found = [json.loads(r["details"]) for r in events if (r["subject"], r["code"]) == ("ftp_logins", "threshold_crossed")]
    assert {("class ftp, probe west", start), ("class ftp, probe east", start)} == {(d["series"], d["start"]) for d in found}


def test_rows_are_complete(events):
    """As other events: who, when, how severe, and a text for people."""
    crossed, back = (r for r in events if r["subject"] == "ping_slow")
    assert ("collector", "warning", "info") == (crossed["component"], crossed["severity"], back["severity"])
    assert "round_trip icmp_echo p50 of class all, probe west" in crossed["text"]
    assert "above 45 ms" in crossed["text"]
    assert float(crossed["time"]) <= float(back["time"])


def test_each_crossing_is_told_once(events):
    """Of every series crossing and return take turns."""
    by_series = defaultdict(list)
    for row in events:
        by_series[row["subject"], json.loads(row["details"])["series"]].append(row["code"])
    for codes in by_series.values():
        assert all(a != b for a, b in pairwise(codes))
        assert codes[0] == "threshold_crossed"
