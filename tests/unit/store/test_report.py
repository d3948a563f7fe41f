"""Ready-made questions, and the page that a person sees."""

import io
from datetime import datetime

import pytest
from rich.console import Console

from tests.unit.store.spool_files import START, row_of, write_file
from tmon_store import report
from tmon_store.load import load_spool
from trafmon.console_table import human_octets
from trafmon.summary import PLAIN_WIDTH, summarise

FLOWS = [
    # flow, class, src, dst, protocol, src_port, dst_port, packets, packets_rev, octets, octets_rev
    (1, "all", "10.0.0.1", "10.0.0.2", 6, 40000, 80, 10, 20, 1000, 20000),
    (2, "all", "10.0.0.1", "10.0.0.3", 17, 40001, 53, 1, 1, 70, 200),
    (3, "all", "2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:1111:2222:3333:4444:5555:7777", 6, 40002, 443, 5, 0, 300, 0),
    (4, "all", "10.0.0.9", "10.0.0.9", 1, None, None, 2, 2, 168, 168),
    (5, "total", None, None, None, None, None, 18, 23, 1538, 20368),
    (6, "all", "10.0.0.1", "10.0.0.2", 6, 40000, 80, 1, 2, 100, 2000),
]


@pytest.fixture
def database(tmp_path, where):
    """A few flows over two minutes; flow 6 is flow 1 after a silence."""
    spool = tmp_path / "spool"
    write_file(spool, "flow_definition", [
        row_of("flow_definition", flow=f, flow_class=c, interface="eth0", src_addr=s, dst_addr=d, protocol=p, src_port=sp,
               dst_port=dp)
        for f, c, s, d, p, sp, dp, *_ in FLOWS])
    write_file(spool, "ip_counters", [
        row_of("ip_counters", flow=f[0], start=(START + 60 * m) * 10**9, packets=f[7], packets_rev=f[8], octets=f[9],
               octets_rev=f[10])
        for f in FLOWS for m in (0, 1)])
    write_file(spool, "tcp_counters", [row_of("tcp_counters", flow=1, segments=30, rst=2, rst_rev=1),
                                       row_of("tcp_counters", flow=3, segments=5)])
    write_file(spool, "icmp_counters", [row_of("icmp_counters", flow=4, messages=4, time_exceeded_rev=3)])
    load_spool(spool, where)
    return where


def test_totals(store):
    """Flows as numbered, minutes with traffic."""
    assert report.totals(store) == report.Totals(6, 1, datetime(2023, 11, 14, 22, 14), datetime(2023, 11, 14, 22, 15))  # noqa: DTZ001


def test_by_class(store):
    """Each class counts for itself."""
    assert [(t.flow_class, t.flows, t.packets, t.octets) for t in report.by_class(store)] == [
        ("all", 5, 88, 2 * (21000 + 270 + 300 + 336 + 2100)), ("total", 1, 82, 2 * 21906)]


def test_by_protocol(store):
    """Both directions; flows without the field apart."""
    found = {(t.flow_class, t.part): (t.flows, t.octets) for t in report.by_protocol(store)}
    assert found == {("all", 6): (3, 2 * 23400), ("all", 17): (1, 540), ("all", 1): (1, 672), ("total", None): (1, 2 * 21906)}


def test_talkers(store):
    """Sent and received of an address; an address that talks to itself counts once."""
    found = {t.part: t.octets for t in report.talkers(store)}
    assert found["10.0.0.1"] == 2 * (21000 + 270 + 2100)
    assert found["10.0.0.2"] == 2 * 23100
    assert found["10.0.0.9"] == 672
    assert [t.part for t in report.talkers(store, 2)] == ["10.0.0.1", "10.0.0.2"]


def test_conversations(store):
    """A flow that was forgotten and seen again is one conversation."""
    first = next(c for c in report.conversations(store) if c.flow_class == "all")
    assert (first.src_addr, first.dst_port, first.packets, first.packets_rev, first.octets, first.octets_rev, first.flows) == (
        "10.0.0.1", 80, 22, 44, 2200, 44000, 2)


def test_happenings(store):
    """Only what occurred."""
    assert [(h.what, h.count, h.flows, h.of) for h in report.happenings(store)] == [
        ("TCP resets", 3, 1, 35), ("ICMP time exceeded", 3, 1, 4)]


def shown(database, terminal=False, width=PLAIN_WIDTH, **files) -> str:
    out = io.StringIO()
    colours = "standard" if terminal else None
    summarise(database, files, Console(file=out, force_terminal=terminal, width=width, color_system=colours))
    return out.getvalue()


def test_summary_shows_it_all(database, tmp_path):
    """Classes, protocols, talkers, conversations and files; nothing wider than the page, addresses whole."""
    text = shown(database, **{"CSV files": tmp_path / ("x" * 150)})
    for part in ("Flows found", "tcp", "udp", "icmp", "10.0.0.1:40000", "http/tcp", "TCP resets", "48.0 kB", "total", "x" * 150):
        assert part in text
    assert all(len(line) <= PLAIN_WIDTH for line in text.splitlines() if "xxx" not in line)
    assert "\x1b" not in text
    assert "\x1b" in shown(database, terminal=True)


@pytest.mark.parametrize("where", ["duckdb"], indirect=True)  # a server has no database before the first observations
def test_summary_without_packets(tmp_path, where):
    """Zeros, no error."""
    load_spool(tmp_path, where)
    text = shown(where)
    assert "Flows found   0\n" in text
    assert "0 packets, 0 B" in text


def test_names_do_not_drive_the_terminal(tmp_path, where):
    """Control characters and markup in names are shown, not obeyed."""
    name = "[red]x\x1b]0;y\x07"
    write_file(tmp_path, "flow_definition", [row_of("flow_definition", flow=1, flow_class=name)])
    write_file(tmp_path, "ip_counters", [row_of("ip_counters", flow=1, packets=1, octets=50)])
    load_spool(tmp_path, where)
    text = shown(where)
    assert "[red]x" in text
    assert "\x1b" not in text
    assert "\x07" not in text


@pytest.mark.parametrize(("octets", "text"), [
    (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1234, "1.23 kB"), (99_949, "99.9 kB"), (99_950, "100 kB"), (999_499, "999 kB"),
    (999_500, "1.00 MB"), (45_600_000, "45.6 MB"), (10**12, "1.00 TB"), (10**21, "1,000 EB")])
def test_human_octets(octets, text):
    """Three digits, decimal units."""
    assert human_octets(octets) == text


def test_events_that_make_figures_incomplete(database, tmp_path):
    """Warnings and errors are shown, information is not; control characters do not reach the terminal."""
    assert "Events" not in shown(database)
    write_file(tmp_path / "spool", "event", [
        row_of("event", time=START * 10**9, severity="warning", text="interface lan: \x1b[2Jno packet for 60 s"),
        row_of("event", time=START * 10**9, severity="info", text="probe edge: started")], "2")
    load_spool(tmp_path / "spool", database)
    page = shown(database)
    assert "2023-11-14 22:14:00  warning   interface lan: \N{REPLACEMENT CHARACTER}[2Jno packet for 60 s" in page
    assert "started" not in page


def test_a_database_from_before_events(database, forget):
    """None were told; that another database beside it has them does not count."""
    forget(database, "DROP TABLE event")
    assert "Events" not in shown(database)
