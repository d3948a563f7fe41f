"""`trafmon top`: a collector, from two samples of its statistics to the page."""

import json

import pytest

from tests.unit.test_top import WALL, coloured, restore_signals, shown  # noqa: F401 a fixture
from tmon_collector import health
from tmon_common.config.model import Collector, Configuration, Interface, Probe, Publication
from trafmon.__main__ import main
from trafmon.top_collector_figures import figures
from trafmon.top_samples import Sample

SECOND = 1_000_000_000
IDENTITY = {"collector": "central", "host": "host2", "configuration": "/etc/trafMon/xml/tmon.xml", "run": 1_699_992_000_000,
            "pid": 77, "probes": ["edge", "core", "far"], "kinds": ["ip_counters", "event"], "reasons": ["corrupt", "no_key"],
            "one_way_classes": ["video"]}
BEFORE = {"datagrams": 1000, "octets": 100_000, "rows": 100, "pdus": 90, "probe_0_pdus": 50, "probe_0_rows": 80, "cpu_ns": SECOND,
          "probe_0_state": 1, "probe_0_last_heard_ns": WALL - SECOND, "one_way_0_packets": 10}
AFTER = BEFORE | {
    "datagrams": 3000, "octets": 600_000, "rows": 140, "pdus": 100, "duplicates": 2, "probe_0_pdus": 60, "probe_0_rows": 120,
    "cpu_ns": 2 * SECOND, "probe_0_clock_known": 1, "probe_0_clock_offset_ns": -2_500_000, "probe_0_clock_uncertainty_ns": 13_000,
    "probe_1_state": 2, "probe_1_last_heard_ns": WALL - 75 * SECOND, "kind_0_rows": 130, "kind_1_rows": 10, "rejected": 3,
    "rejected_no_key_datagrams": 3, "files_completed": 4, "files_open": 2, "events_told": 5, "one_way_0_packets": 30,
    "one_way_0_waiting": 7, "one_way_0_late": 3, "one_way_0_ahead": 1}


def between(before, after, seconds=2, **options):
    return figures(IDENTITY, Sample(0, WALL - seconds * SECOND, before), Sample(round(seconds * SECOND), WALL, after), **options)


def test_figures():
    """Rates per second, totals as they stand, what is not known is None."""
    f = between(BEFORE, AFTER)
    assert (f.datagrams_rate, f.bit_rate, f.rows_rate, f.pdus_rate, f.cpu, f.up_s) == (1000, 2_000_000, 20, 5, 0.5, 8000)
    assert (f.rejected, f.rejected_by_reason, f.rows_by_kind) == (3, {"no_key": 3}, {"ip_counters": 130, "event": 10})
    edge, core, far = f.probes
    assert (edge.state, edge.silent_s, edge.pdus_rate, edge.rows_rate) == ("alive", 1, 5, 20)
    assert (edge.clock_offset_s, edge.clock_uncertainty_s) == (-0.0025, 0.000013)
    assert (core.state, core.silent_s, core.clock_offset_s) == ("silent", 75, None)
    assert (far.state, far.silent_s) == ("never", None)
    [video] = f.one_way
    assert (video.packets, video.packets_rate, video.waiting, video.unused, video.unused_rate) == (30, 10, 7, 4, 2)


def test_one_sample_has_no_rates():
    """Nor the numbers of somebody else's block."""
    f = figures(IDENTITY, Sample(1, WALL, {}), Sample(1, WALL, {"probe_0_state": 99}), ended=True)
    assert (f.datagrams_rate, f.cpu, f.one_way[0].unused_rate, f.probes[0].pdus_rate) == (None,) * 4
    assert f.probes[0].state == ""
    assert "ended" in shown(f)


def test_the_page():
    """All of it, at 80 columns."""
    lines = [line.rstrip() for line in shown(between(BEFORE, AFTER)).splitlines()]
    assert lines == [
        "central  collector on host2  pid 77  up 2 h 13 min  /etc/trafMon/xml/tmon.xml",
        "  datagrams     1,000/s  2.00 Mbit/s  total 3,000  rejected 3",
        "  rows             20/s  total 140  PDUs 5.0/s  twice 2  cpu 50 %",
        "  spool             4 files  2 open  events 5",
        "  rejected  no key 3",
        "  kinds     ip_counters 130  event 10",
        "  one-way          10/s  class video  total 30  waiting 7  not used 4",
        "",
        "  probe                   heard  PDUs/s  rows/s  clock",
        "  edge   alive          1 s ago     5.0      20  -2.50 ms ± 13.0 us",
        "  core   silent  1 min 15 s ago       0       0  -",
        "  far    never                -       0       0  -",
    ]


@pytest.mark.parametrize(("changes", "part"), [
    ({"in_trouble": 1}, "cannot be written"), ({"keys_missing": 1}, "keys missing"), ({"rejected": 1}, "rejected 1"),
    ({"receive_drops": 1}, "dropped 1"), ({"refused": 1}, "refused 1"), ({"thresholds_crossed": 1}, "thresholds crossed"),
    ({"probe_1_state": 3}, "broken"), ({"unwritten": 1}, "not taken"), ({"one_way_0_late": 1}, "not used"),
])
def test_colours_are_for_trouble(changes, part):
    """And for nothing else."""
    fine = BEFORE | {f"probe_{n}_state": 1 for n in range(3)}
    assert not any(f"\x1b[{c}m" in shown(between(fine, fine), colour=True) for c in (31, 33, "1;31"))
    assert coloured(shown(between(fine, fine | changes), colour=True), part)


def test_it_fits_in_80_columns():
    """Even with the largest numbers and the longest names; control characters are shown, not obeyed."""
    huge = dict.fromkeys(AFTER, 2**62) | {"probe_0_state": 1, "refused": 2**62, "unwritten": 2**62, "receive_drops": 2**62}
    f = figures(IDENTITY | {"collector": "c" * 100 + "\x1b[2J", "probes": ["p" * 60 + "\x1b"], "one_way_classes": ["o" * 60]},
                Sample(0, WALL, BEFORE), Sample(SECOND, WALL, huge))
    text = shown(f)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.fixture
def block(tmp_path):
    """A collector that seems to run: this process."""
    (tmp_path / "tmon.xml").touch()
    collector = Collector("the-centre", "127.0.0.1", 9777, tmp_path)
    probe = Probe("the-edge", (Interface("lan", device="eth0"),), (Publication("the-centre", "127.0.0.1", 9777),))
    configuration = Configuration(tmp_path / "tmon.xml", (probe,), (collector,))
    block = health.create(configuration, collector, 17)
    block.part("own")[0] = 4321
    yield block
    block.close()


@pytest.mark.usefixtures("block", "restore_signals")
def test_once(tmp_path, capsys):
    """Found by its configuration or name, beside probes; JSON has the same figures."""
    top = ("top", "-c", str(tmp_path / "tmon.xml"), "--interval", "100ms")
    assert main([*top]) == 0
    text = capsys.readouterr().out
    assert text.startswith("the-centre  collector on ")
    assert "total 4,321" in text
    assert "the-edge" in text
    assert main([*top, "--json", "the-centre"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["probes"], [c["datagrams"] for c in found["collectors"]]) == ([], [4321])
