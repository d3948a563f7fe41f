"""`trafmon top`: figures from two samples, and how they look."""

import io
import json
import math
from dataclasses import asdict

import pytest
from rich.console import Console, Group
from rich.text import Text

from tmon_common.config.model import Configuration, Interface, Probe
from tmon_probe import health
from trafmon.__main__ import main
from trafmon.top_figures import Sample, figures
from trafmon.top_view import Screenful, count, duration, megabits, percent, rate, view

SECOND = 1_000_000_000
WALL = 1_700_000_000 * SECOND
IDENTITY = {"probe": "edge", "host": "host1", "configuration": "/etc/trafMon/xml/tmon.xml", "run": 1_699_992_000_000, "pid": 1234,
            "interfaces": [{"name": "lan", "device": "eth0", "live": True}, {"name": "wan", "device": "wan", "live": True}],
            "fathers": [[0, 1]], "collectors": []}
BEFORE = {"packets_seen": 1000, "packets_relevant": 900, "octets_seen": 100_000, "kernel_drops": 5, "pdus_sent": 10,
          "interface_0_packets_seen": 1000, "interface_0_octets_seen": 100_000, "interface_0_kernel_drops": 5}
AFTER = {"packets_seen": 21_000, "packets_relevant": 10_900, "octets_seen": 2_100_000, "kernel_drops": 15, "packets_malformed": 12,
         "packets_malformed_link": 10, "packets_malformed_ip_cut": 2, "packets_malformed_ip_length": 0, "packets_merged": 0,
         "flows": 1234, "flows_created": 3, "rows": 40, "pdus_sent": 30, "pdus_waiting": 3, "pdus_retried": 1,
         "pdus_acknowledged": 26, "father_0_ring_slots": 1000, "father_0_ring_filled": 250, "father_0_ring_high_water": 990,
         "father_0_ring_full_waits": 4, "father_0_cpu_ns": SECOND, "child_cpu_ns": SECOND // 2,
         "interface_0_packets_seen": 21_000, "interface_0_octets_seen": 2_100_000, "interface_0_kernel_drops": 15,
         "interface_0_last_packet_ns": WALL, "interface_1_last_packet_ns": WALL - 75 * SECOND}


def between(before, after, seconds=2, identity=IDENTITY, **options):
    return figures(identity, Sample(0, WALL - seconds * SECOND, before), Sample(round(seconds * SECOND), WALL, after), **options)


def shown(*probes, width=80, colour=False):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None).print(view(probes))
    return out.getvalue()


def test_figures():
    """Rates are per second, totals as they stand, shares of the interval."""
    f = between(BEFORE, AFTER)
    assert (f.packets_rate, f.bit_rate, f.relevant, f.drops, f.drops_rate) == (10_000, 8_000_000, 0.5, 15, 5)
    assert (f.flows, f.flows_rate, f.rows_rate, f.pdus_rate, f.pdus_waiting, f.pdus_retried_rate) == (1234, 1.5, 20, 10, 3, 0.5)
    assert f.malformed_by_reason == {"ip_cut": 2, "link": 10}
    assert f.up_s == 8000
    assert f.progress is None
    [ring] = f.rings
    assert (ring.filled, ring.highest, ring.waits, ring.cpu, f.child_cpu) == (0.25, 0.99, 4, 0.5, 0.25)
    lan, wan = f.interfaces
    assert (lan.packets_rate, lan.bit_rate, lan.drops_rate, lan.silent_s) == (10_000, 8_000_000, 5, None)
    assert (wan.packets_rate, wan.silent_s, wan.gone) == (0, 75, False)


def test_many_counts_of_analyses():
    """None is broken, whatever the terminal: 80 columns hold every line, further ones stand below the first."""
    names = [f"a_count_of_an_analysis_{n}" for n in range(9)]
    f = between({}, {name: 10 ** n for n, name in enumerate(names)}, identity=IDENTITY | {"analyses": names})
    for width in (80, 100):
        text = shown(f, width=width)
        at = text.index("  analyses  ")
        block = text[at:text.index("\n\n", at)].splitlines()
        assert max(map(len, block)) <= 80
        assert len(block) > 1
        assert all(row.startswith(" " * 12 + "a_count") for row in block[1:])
        told = [item for row in block for item in row[12:].split("  ")]
        assert [item.split(" ")[0] for item in told] == names
        assert told[-1] == f"{names[-1]} 100.0 M"


def test_what_analyses_count():
    """Every counter in the figures, those above zero on the screen, names of a hostile block without control characters."""
    identity = {**IDENTITY, "analyses": ["tcp_connections", "tcp_evicted", "odd\x1b[2J"]}
    f = between(BEFORE, {**AFTER, "tcp_connections": 12_345, "odd\x1b[2J": 1}, identity=identity)
    assert f.analyses == {"tcp_connections": 12_345, "tcp_evicted": 0, "odd\x1b[2J": 1}
    text = shown(f)
    assert "tcp_connections 12,345" in text
    assert "tcp_evicted" not in text
    assert "\x1b" not in text


def test_one_sample_has_no_rates():
    """Nothing is made up."""
    f = figures(IDENTITY, Sample(1, WALL, AFTER), Sample(1, WALL, AFTER))
    values = asdict(f)
    assert {v for n, v in values.items() if n.endswith("_rate")} == {None}
    assert (f.relevant, f.child_cpu, f.interfaces[1].silent_s) == (None, None, None)
    assert f.packets == 21_000


def test_a_probe_that_tells_little():
    """An older version, or a block of somebody else: zeros, and the silence seen by oneself."""
    f = between({}, {}, identity=IDENTITY | {"fathers": [], "run": 0})
    assert (f.packets, f.packets_rate, f.up_s, f.child_cpu, f.interfaces[0].silent_s) == (0, 0, None, None, 2)
    assert shown(f)


def test_a_counter_that_started_again_has_no_negative_rate():
    f = between(AFTER, BEFORE)
    assert (f.packets_rate, f.drops_rate, f.pdus_rate) == (0, 0, 0)


def test_the_page():
    """All of it, at 80 columns."""
    lines = [line.rstrip() for line in shown(between(BEFORE, AFTER)).splitlines()]
    assert lines == [
        "edge  on host1  pid 1234  up 2 h 13 min  /etc/trafMon/xml/tmon.xml",
        "  packets      10,000/s  8.00 Mbit/s  total 21,000  relevant 50 %",
        "  drops           5.0/s  total 15  malformed 6.0/s  total 12",
        "  ring      [||||||                  ]  25 %  highest 99 %  waits 4  cpu 50 %",
        "  flows         1,234    1.5/s new  rows 20/s  cpu 25 %",
        "  PDUs             10/s  sent 30  waiting 3  retried 1",
        "  malformed ip cut 2, link 10",
        "",
        "  interface   packets/s  Mbit/s  drops  malformed",
        "  lan (eth0)     10,000    8.00     15          0  drops 5.0/s",
        "  wan                 0       0      0          0  silent 1 min 15 s",
    ]


def test_it_fits_in_80_columns():
    """Even with the largest numbers and the longest names; control characters and markup in names are shown, not obeyed."""
    huge = dict.fromkeys(AFTER, 2**62) | {f"interface_{i}_{n}": 2**62 for i in (0, 1) for n in (
        "packets_malformed", "packets_seen", "octets_seen", "kernel_drops")}
    identity = IDENTITY | {"probe": "[red]" + "p" * 100 + "\x1b[2J", "configuration": "/x" * 100,
                           "interfaces": [{"name": "n" * 60 + "\x1b", "device": "d" * 60, "live": True}] * 2}
    text = shown(between(BEFORE, huge, identity=identity))
    assert "[red]ppp" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_several_probes_and_one_that_has_ended():
    """One below the other; the totals of the one that ended stay."""
    ended = figures(IDENTITY | {"probe": "gone"}, Sample(1, WALL, AFTER), Sample(1, WALL, AFTER), ended=True)
    text = shown(between(BEFORE, AFTER), ended)
    assert text.index("edge  on host1") < text.index("gone  on host1  pid 1234  ended")
    assert "  packets           -/s  - Mbit/s  total 21,000\n" in text.split("gone")[1]


def coloured(text: str, part: str) -> bool:
    """Whether this part of the page has a colour (SGR 30 to 37; bold and dim are none)."""
    line = next(line for line in text.splitlines() if part in line)
    before = line[: line.index(part)].rpartition("\x1b[")[2]
    return any(30 <= int(c) <= 37 for c in before.partition("m")[0].split(";") if c.isdigit())


@pytest.mark.parametrize(("changes", "part"), [
    ({"kernel_drops": 10}, "5.0/s"), ({"father_0_ring_filled": 600}, "[|"), ({"father_0_ring_full_waits": 4}, "waits 4"),
    ({"pdus_retried": 1}, "retried 1"), ({"links_broken": 1}, "links broken 1"),
    ({"rows_given_up": 1}, "rows given up 1"), ({"packets_malformed": 1}, "malformed 0.5/s"),
    ({"packets_merged": 1}, "merged 1"), ({"interface_1_device_gone": 1}, "gone"), ({"interface_1_last_packet_ns": 1}, "silent"),
    ({"flows_evicted": 2}, "evicted 2"),
])
def test_colours_are_for_trouble(changes, part):
    """And for nothing else."""
    before = BEFORE | {"kernel_drops": 0, "interface_0_kernel_drops": 0}
    fine = before | {"father_0_ring_slots": 1000, "interface_0_packets_seen": 2000, "interface_1_packets_seen": 1000}
    assert not any(f"\x1b[{c}m" in shown(between(before, fine), colour=True) for c in (31, 33, "1;31"))
    assert coloured(shown(between(before, fine | {"interface_1_packets_seen": 0} | changes), colour=True), part)


def test_the_ring_of_a_recording_may_be_full():
    """It waits, that is all."""
    identity = IDENTITY | {"interfaces": [{"name": "file", "device": "", "live": False}]}
    full = BEFORE | {"father_0_ring_slots": 8, "father_0_ring_filled": 8, "father_0_ring_full_waits": 5, "read_octets": 50,
                     "total_octets": 200}
    text = shown(between(BEFORE, full, identity=identity), colour=True)
    assert "read 25 %" in text
    assert not coloured(text, "[|||")
    assert "silent" not in text


def test_several_fathers():
    """A ring each."""
    text = shown(between(BEFORE, AFTER | {"father_1_ring_slots": 4, "father_1_ring_filled": 4}, identity=IDENTITY | {
        "fathers": [[0], [0, 1]]}))
    assert "  ring 0    [||||||                  ]  25 %" in text
    assert "  ring 1    [||||||||||||||||||||||||] 100 %" in text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0, "0"), (0.04, "0.0"), (3.25, "3.2"), (9.94, "9.9"), (9.96, "10"),
                                             (1234.5, "1,234"), (12_345_678, "12.3 M")])
def test_rate(value, text):
    assert rate(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (9_999_999, "9,999,999"), (10_000_000, "10.0 M"), (999_940_000, "999.9 M"),
                                             (999_960_000, "1.0 G"), (2**63 - 1, "9.2 E")])
def test_count(value, text):
    assert count(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0, "0"), (1000, "0.001"), (999_400, "0.999"), (1_000_000, "1.00"),
                                             (9_994_000, "9.99"), (10_000_000, "10.0"), (12_345_678_900, "12,345.7")])
def test_megabits(value, text):
    assert megabits(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 %"), (0.001, "<1 %"), (0.5, "50 %"), (1, "100 %")])
def test_percent(value, text):
    assert percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3600, "1 h"),
                                             (3660, "1 h 1 min"), (90_000, "1 d 1 h"), (10**9, "11574 d 1 h")])
def test_duration(value, text):
    assert duration(value) == text


@pytest.fixture
def block(tmp_path):
    """A probe that seems to run: this process."""
    (tmp_path / "tmon.xml").touch()
    configuration = Configuration(tmp_path / "tmon.xml", (Probe("the-edge", (Interface("lan", device="eth0"),), ()),))
    block = health.create(configuration, "the-edge")
    block.lane(0).set(packets_seen=4321)
    yield block
    block.close()


@pytest.fixture
def restore_signals():
    import signal

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
    before = [signal.getsignal(n) for n in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("restore_signals")
def test_once(block, tmp_path, capsys):
    """Without a terminal, found by its configuration or by its name; JSON has the same figures."""
    top = ("top", "-c", str(tmp_path / "tmon.xml"), "--interval", "100ms")
    assert main([*top]) == 0
    text = capsys.readouterr().out
    assert "the-edge  on " in text
    assert "total 4,321" in text
    assert "\x1b" not in text
    assert main([*top, "--json", "the-edge"]) == 0
    [probe] = json.loads(capsys.readouterr().out)["probes"]
    assert (probe["probe"], probe["packets"], probe["packets_rate"]) == ("the-edge", 4321, 0)
    assert math.isclose(probe["interfaces"][0]["silent_s"], 0.1, rel_tol=10)


@pytest.mark.usefixtures("restore_signals")
@pytest.mark.parametrize(("arguments", "status", "told"), [
    (["absent"], 1, "no probe or collector 'absent' runs with "), (["-c", "/absent.xml"], 2, "/absent.xml: No such file"),
])
def test_none_to_show(block, tmp_path, capsys, arguments, status, told):
    """A clear line, and the exit status."""
    assert main(["top", "-c", str(tmp_path / "tmon.xml"), *arguments]) == status
    text = capsys.readouterr().err
    assert told in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("interval", ["1", "99ms", "2h", "x"])
def test_wrong_interval(capsys, interval):
    with pytest.raises(SystemExit) as ended:
        main(["top", "--interval", interval])
    assert ended.value.code == 2
    assert "--interval" in capsys.readouterr().err


@pytest.mark.parametrize(("height", "shown", "foot"), [
    (24, 20, "q: quit"), (22, 20, "q: quit"), (21, 19, "q: quit  more lines: 1;"), (5, 3, "q: quit  more lines: 17;"),
])
def test_a_page_is_cut_to_the_screen(height, shown, foot):
    """The foot is always seen, and tells how much is not."""
    console = Console(width=80, height=height, file=io.StringIO())
    console.print(Screenful(Group(*(Text(f"line {n}") for n in range(20))), "q: quit"))
    lines = console.file.getvalue().splitlines()
    assert [f"line {n}" for n in range(shown)] == lines[:shown]
    assert "" == lines[shown]
    assert lines[shown + 1].startswith(foot)
    assert shown + 2 == len(lines) <= height
