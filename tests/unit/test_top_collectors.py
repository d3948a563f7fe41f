"""`trafmon top`: the figures of a collector from two samples, and how they look."""

import io
import json
from dataclasses import asdict

import pytest
from rich.console import Console

from tests.unit.test_top import coloured
from tmon_collector import health
from tmon_collector.health_names import ALIVE, BROKEN, NEVER, OWN, SILENT
from tmon_common.config.model import Collector, Configuration, Probe, Publication
from trafmon.__main__ import main
from trafmon.between import Sample
from trafmon.top_collector_figures import collector_figures
from trafmon.top_collector_view import milliseconds
from trafmon.top_view import view

SECOND = 1_000_000_000
WALL = 1_700_000_000 * SECOND
IDENTITY = {"collector": "central", "host": "host1", "configuration": "/etc/trafMon/xml/tmon.xml", "version": "0123", "port": 9777,
            "run": 1_699_992_000_000, "pid": 1234, "probes": ["edge", "core", "far", "new"],
            "kinds": ["ip_counters", "event", "ftp"], "one_way_classes": ["voice"], "reasons": ["corrupt", "no_key", "short"]}
BEFORE = {"pdus": 1000, "rows": 50_000, "octets": 1_000_000, "rejected": 0, "probe_0_pdus": 1000, "probe_0_rows": 50_000}
AFTER = {"pdus": 3000, "rows": 150_000, "octets": 3_000_000, "duplicates": 3, "rejected": 8, "refused": 2,
         "rejected_no_key_datagrams": 7, "rejected_short_datagrams": 1, "files_completed": 12, "files_open": 2,
         "journal_octets": 65_536, "events_told": 9, "cpu_ns": SECOND // 2, "keys_missing": 0, "probes_alive": 1,
         "probes_silent": 1, "probes_broken": 1, "probes_never": 1,
         "probe_0_state": ALIVE, "probe_0_last_heard_ns": WALL - SECOND // 2, "probe_0_pdus": 3000, "probe_0_rows": 150_000,
         "probe_0_clock_known": 1, "probe_0_clock_offset_ns": -1_234_567, "probe_0_clock_uncertainty_ns": 250_000,
         "probe_1_state": SILENT, "probe_1_last_heard_ns": WALL - 75 * SECOND,
         "probe_2_state": BROKEN, "probe_2_last_heard_ns": WALL - 3600 * SECOND, "probe_2_rejected": 7, "probe_3_state": NEVER,
         "kind_0_rows": 150_000, "kind_0_octets": 9_000_000, "kind_0_files": 11, "kind_1_rows": 9,
         "one_way_0_waiting": 512, "one_way_0_packets": 4000, "one_way_0_late": 5, "one_way_0_rounds_forced": 1}
FINE = {"probes_alive": 4, "cpu_ns": SECOND // 2} | {f"probe_{n}_{name}": value for n in range(4) for name, value in (
    ("state", ALIVE), ("last_heard_ns", WALL))}


def between(before, after, seconds=2, identity=IDENTITY, **options):
    return collector_figures(identity, Sample(0, WALL - seconds * SECOND, before), Sample(round(seconds * SECOND), WALL, after),
                             **options)


def shown(*collectors, width=80, colour=False):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None).print(view((), collectors))
    return out.getvalue()


def test_figures():
    """Rates are per second, totals as they stand; what did not occur is left out of lists."""
    c = between(BEFORE, AFTER)
    assert (1000, 50_000, 8_000_000, 4, 0.25, 8000) == (c.pdus_rate, c.rows_rate, c.bit_rate, c.rejected_rate, c.cpu, c.up_s)
    assert {"no_key": 7, "short": 1} == c.rejected_by_reason
    assert {"never": 1, "alive": 1, "silent": 1, "broken": 1} == c.states
    kinds = [tuple(asdict(k).values()) for k in c.kinds]
    assert [("ip_counters", 150_000, 75_000, 9_000_000, 11), ("event", 9, 4.5, 0, 0)] == kinds
    edge, core, far, new = c.probes
    assert ("alive", 0.5, 1000, 50_000, -0.001234567, 0.00025) == (
        edge.state, edge.silent_s, edge.pdus_rate, edge.rows_rate, edge.clock_offset_s, edge.clock_uncertainty_s)
    assert (("silent", 75), ("broken", 3600), ("never", None)) == tuple((p.state, p.silent_s) for p in (core, far, new))
    assert core.clock_offset_s is None
    [voice] = c.one_way
    assert (512, 4000, 2000, 1, {"late": 5}) == (
        voice.waiting, voice.packets, voice.packets_rate, voice.rounds_forced, voice.unused)


def test_one_sample_has_no_rates():
    """Nothing is made up."""
    c = collector_figures(IDENTITY, Sample(1, WALL, AFTER), Sample(1, WALL, AFTER))
    for figures in (c, *c.probes, *c.kinds, *c.one_way):
        assert {v for n, v in asdict(figures).items() if n.endswith("_rate")} == {None}
    assert (None, 3000) == (c.cpu, c.pdus)


def test_the_page():
    """All of it, at 80 columns."""
    assert [line.rstrip() for line in shown(between(BEFORE, AFTER)).splitlines()] == [
        "central  on host1  pid 1234  up 2 h 13 min  /etc/trafMon/xml/tmon.xml",
        "  PDUs          1,000/s  8.00 Mbit/s  total 3,000  repeated 3  rejected 10",
        "  rows         50,000/s  total 150,000  events 9  cpu 25 %",
        "  spool            12  files, 2 open  journal 65,536 octets",
        "  probes            1  alive  never 1  silent 1  broken 1",
        "  one-way       2,000/s  voice: 4,000 packets  waiting 512  forced 1  late 5",
        "  rejected  no key 7, short 1",
        "",
        "  probe  PDUs/s  rows/s  rejected           clock",
        "  edge    1,000  50,000         0  -1.23 ±0.25 ms",
        "  core        0       0         0               -  silent 1 min 15 s",
        "  far         0       0         7               -  broken 1 h",
        "  new         0       0         0               -  never",
    ]


def test_it_fits_in_80_columns():
    """Even with the largest numbers and the longest names; control characters and markup in names are shown, not obeyed."""
    huge = dict.fromkeys((*AFTER, *OWN), 2**62) | {"probe_0_clock_known": 1, "probe_0_clock_offset_ns": -2**62}
    identity = IDENTITY | {"collector": "[red]" + "c" * 100 + "\x1b[2J", "probes": ["p" * 60 + "\x1b"],
                           "one_way_classes": ["w" * 60 + "\x1b"], "reasons": ["no_key", "\x1b"]}
    text = shown(between(BEFORE, huge, identity=identity))
    assert "[red]ccc" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(("changes", "part"), [
    ({"rejected": 1}, "rejected 1"), ({"receive_drops": 1}, "dropped 1"), ({"in_trouble": 1}, "cannot be written"),
    ({"unwritten": 1}, "PDUs put off 1"), ({"own_rows_waiting": 1}, "events wait 1"), ({"own_rows_lost": 1}, "events lost 1"),
    ({"keys_missing": 1}, "keys missing 1"), ({"thresholds_crossed": 1}, "thresholds crossed 1"), ({"probes_never": 1}, "never 1"),
    ({"one_way_0_refused": 1}, "refused 1"), ({"one_way_0_rounds_forced": 1}, "forced 1"),
    ({"probe_0_state": BROKEN}, "broken 0 s"), ({"probe_0_rejected": 1}, "edge"),
])
def test_colours_are_for_trouble(changes, part):
    """And for nothing else."""
    assert not any(f"\x1b[{c}m" in shown(between({}, FINE), colour=True) for c in (31, 33, "1;31"))
    text = shown(between({}, FINE | changes), colour=True)
    assert coloured(text, part) or (part == "edge" and "\x1b[33m       1\x1b[0m" in text)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0.00"), (0.001234, "1.23"), (0.01234, "12.3"), (1.5, "1,500"), (-0.5, "-500")])
def test_milliseconds(seconds, text):
    assert text == milliseconds(seconds)


@pytest.fixture
def block(tmp_path):
    """A collector that seems to run: this process."""
    (tmp_path / "tmon.xml").touch()
    central = Collector("central", "", 0, tmp_path)
    probe = Probe("edge", (), (Publication("central", "192.0.2.1", 9777),))
    block = health.create(Configuration(tmp_path / "tmon.xml", (probe,), (central,)), central, 1_700_000_000_000, 9777)
    block.part("own")[OWN.index("rows")] = 4321
    yield block
    block.close()


def test_once(block, tmp_path, capsys, monkeypatch):
    """Found by its configuration or by its name; JSON has the same figures."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    top = ("top", "-c", str(tmp_path / "tmon.xml"), "--interval", "100ms")
    assert 0 == main([*top])
    text = capsys.readouterr().out
    assert "central  on " in text
    assert "total 4,321" in text
    assert 0 == main([*top, "--json", "central"])
    found = json.loads(capsys.readouterr().out)
    [collector] = found["collectors"]
    assert ([], "central", 4321, 9777, "never") == (
        found["probes"], collector["collector"], collector["rows"], collector["port"], collector["probes"][0]["state"])
