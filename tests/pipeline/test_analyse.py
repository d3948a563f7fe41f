"""`trafmon analyse` as its users run it: a program, files in, files out."""

import csv
import gzip
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import dpkt
import duckdb
import pytest

from tests.conftest import OWN_CAPTURES, SHARED_CAPTURES
from tests.oracles import tshark
from tests.oracles.tshark_tunnels import innermost

DEMO = OWN_CAPTURES / "demo" / "west.pcap"
TUNNELS = SHARED_CAPTURES / "tunnels_mixed.pcap"
LIMIT_S = 120


def analyse(*arguments: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "trafmon", "analyse", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S, **options)


def rows(out: Path, kind: str) -> list[dict[str, str]]:
    return [row for path in sorted(out.glob(f"spool/{kind}.*.csv")) for row in csv.DictReader(path.open(newline=""))]


def total(out: Path, kind: str, column: str) -> int:
    return sum(int(row[column]) + int(row[f"{column}_rev"]) for row in rows(out, kind))


def ip_totals(capture: Path) -> tuple[int, int]:
    """Packets and octets of IP in an Ethernet capture, by dpkt: the slow, obvious way."""
    packets = octets = 0
    with capture.open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            layer = dpkt.ethernet.Ethernet(frame)
            if isinstance(layer.data, dpkt.ip.IP):
                packets, octets = packets + 1, octets + layer.data.len
            elif isinstance(layer.data, dpkt.ip6.IP6):
                packets, octets = packets + 1, octets + 40 + layer.data.plen
    return packets, octets


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    result = analyse(DEMO, "--out", out)
    assert (0, "") == (result.returncode, result.stderr)
    assert "Flows found" in result.stdout
    assert "\x1b" not in result.stdout, "no colours in a pipe"
    return out


def test_csv_files_hold_every_packet(demo):
    """Packets and octets of all flows are those of the capture."""
    assert ip_totals(DEMO) == (total(demo, "ip_counters", "packets"), total(demo, "ip_counters", "octets"))


def test_database_holds_what_the_files_hold(demo):
    """Minute, hour and day sums are those of the CSV files."""
    expected = total(demo, "ip_counters", "packets"), total(demo, "ip_counters", "octets")
    with duckdb.connect(str(demo / "trafmon.duckdb"), read_only=True) as store:
        for level in ("1min", "1h", "1day"):
            query = ("SELECT sum(packets_sum + packets_rev_sum), sum(octets_sum + octets_rev_sum) "
                     f"FROM ip_counters_{level}")
            assert [expected] == [tuple(map(int, r)) for r in store.execute(query).fetchall()]


def test_every_flow_is_defined_once(demo):
    """Counters refer to defined flows; no flow has two definitions."""
    defined = [(r["probe"], r["run"], r["flow"]) for r in rows(demo, "flow_definition")]
    assert len(defined) == len(set(defined))
    for kind in ("ip_counters", "ip_sizes", "tcp_counters", "udp_counters", "icmp_counters"):
        assert {(r["probe"], r["run"], r["flow"]) for r in rows(demo, kind)} <= set(defined)


def test_the_configuration_left_behind_is_good_and_can_be_given_back(demo, tmp_path):
    """DIR/trafmon.xml with --config gives the same totals."""
    checked = subprocess.run([sys.executable, "-m", "trafmon", "check-config", demo / "trafmon.xml"], check=False,
                             capture_output=True, text=True, timeout=LIMIT_S)
    assert 0 == checked.returncode, checked.stderr
    result = analyse(DEMO, "--out", tmp_path, "--config", demo / "trafmon.xml", "--quiet")
    assert (0, "", "") == (result.returncode, result.stderr, result.stdout)
    assert total(demo, "ip_counters", "octets") == total(tmp_path, "ip_counters", "octets")


def test_a_second_run_replaces_the_first(demo, tmp_path):
    """Results in one directory never add up."""
    for _ in range(2):
        assert 0 == analyse(DEMO, "--out", tmp_path, "--quiet").returncode
    assert total(demo, "ip_counters", "packets") == total(tmp_path, "ip_counters", "packets")
    with duckdb.connect(str(tmp_path / "trafmon.duckdb"), read_only=True) as store:
        assert 1 == store.execute("SELECT count(DISTINCT run) FROM flow").fetchall()[0][0]


@pytest.mark.skipif(not TUNNELS.exists(), reason=f"{TUNNELS.name} is not beside the checkout")
@pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)
def test_carried_packets_are_measured_instead(tmp_path):
    """--tunnel inner: hosts, packets and octets are those of the innermost packets that tshark shows."""
    carried = [packet for packet in innermost(TUNNELS) if packet]
    assert 0 == analyse(TUNNELS, "--out", tmp_path / "inner", "--tunnel", "inner", "--quiet").returncode
    assert (len(carried), sum(p.octets for p in carried)) == tuple(total(tmp_path / "inner", "ip_counters", c)
                                                                   for c in ("packets", "octets"))
    counted = {row["flow"] for row in rows(tmp_path / "inner", "ip_counters")}
    hosts = {row[side] for row in rows(tmp_path / "inner", "flow_definition") if row["flow"] in counted
             for side in ("src_addr", "dst_addr")}
    assert {p.src for p in carried} | {p.dst for p in carried} == hosts
    assert 0 == analyse(TUNNELS, "--out", tmp_path / "again", "--config", tmp_path / "inner" / "trafmon.xml", "--tunnel", "outer",
                        "--quiet").returncode
    assert total(tmp_path / "again", "ip_counters", "octets") > total(tmp_path / "inner", "ip_counters", "octets")


def test_gzip_pipe_and_filter(demo, tmp_path):
    """A compressed capture and one that comes through a pipe give the same; a filter leaves out what does not pass."""
    packed = tmp_path / "packed.pcap.gz"
    packed.write_bytes(gzip.compress(DEMO.read_bytes()))
    expected = total(demo, "ip_counters", "packets")
    assert 0 == analyse(packed, "--out", tmp_path / "gz", "--quiet").returncode
    assert expected == total(tmp_path / "gz", "ip_counters", "packets")
    with DEMO.open("rb") as file:
        piped = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        assert 0 == analyse("/dev/stdin", "--out", tmp_path / "pipe", "--quiet", stdin=piped.stdout).returncode
        assert 0 == piped.wait()
    assert expected == total(tmp_path / "pipe", "ip_counters", "packets")
    assert 0 == analyse(DEMO, "--out", tmp_path / "udp", "--filter", "udp or (vlan and udp)", "--quiet").returncode
    protocols = {r["protocol"] for r in rows(tmp_path / "udp", "flow_definition")
                 if r["flow"] in {c["flow"] for c in rows(tmp_path / "udp", "ip_counters")}}
    assert protocols == {"17"}


def test_a_cut_capture_is_measured_up_to_the_cut(demo, tmp_path):
    """Everything before the cut counts, and a warning says where it was cut."""
    data = DEMO.read_bytes()
    at, packets = 24, 0
    while packets < 100:
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
        packets += 1
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(data[: at + 20])
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(data[:at])
    result = analyse(cut, "--out", tmp_path / "out", "--quiet")
    assert 0 == result.returncode
    assert f"cut in mid-packet: only 20 octets of the record at octet {at}" in result.stderr
    assert ip_totals(whole)[0] == total(tmp_path / "out", "ip_counters", "packets")


def test_a_capture_without_packets_gives_zeros(tmp_path):
    """A valid empty capture is no error."""
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(DEMO.read_bytes()[:24])
    result = analyse(empty, "--out", tmp_path / "out")
    assert (0, "") == (result.returncode, result.stderr)
    assert "Flows found   0" in result.stdout


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "the file is empty"),
    (b"\x7fELF and so on", "not a pcap or pcapng capture"),
    (DEMO.read_bytes()[:10], "cut within the pcap file header"),
    (DEMO.read_bytes()[:20] + struct.pack("<I", 105), "link type 105 is not supported"),
    (None, "no such file"),
])
def test_an_unusable_capture_is_one_line_and_status_2(tmp_path, content, reason):
    """The line names the file and the reason."""
    path = tmp_path / "bad.pcap"
    if content is not None:
        path.write_bytes(content)
    result = analyse(path, "--out", tmp_path / "out")
    assert (2, "") == (result.returncode, result.stdout)
    assert 1 == len(result.stderr.splitlines())
    assert str(path) in result.stderr
    assert reason in result.stderr


@pytest.mark.parametrize("arguments", [("--interval", "7s"), ("--config", "/nonexistent.xml"), ("--filter", "no such thing"),
                                       ("--out", "/proc/nowhere")])
def test_wrong_arguments_are_told(tmp_path, arguments):
    """Status 2 and a message, never a traceback."""
    result = analyse(DEMO, "--out", tmp_path / "out", *arguments)
    assert 2 == result.returncode
    assert "Traceback" not in result.stderr
    assert arguments[0].lstrip("-") in result.stderr or arguments[1] in result.stderr


def test_two_at_once_in_one_place_are_refused_and_elsewhere_work(tmp_path):
    """The second analysis of the same directory says who is there; another directory is free."""
    held = tmp_path / "out"
    pipe_in, pipe_out = os.pipe()
    first = subprocess.Popen([sys.executable, "-m", "trafmon", "analyse", "/dev/stdin", "--out", held, "--quiet"], stdin=pipe_in)
    os.close(pipe_in)
    try:
        limit = time.monotonic() + LIMIT_S
        while not (held / "trafmon.xml").exists():
            assert time.monotonic() < limit
            time.sleep(0.02)
        second = analyse(DEMO, "--out", held, "--quiet")
        assert 2 == second.returncode
        assert "another analysis is at work there" in second.stderr
        assert 0 == analyse(DEMO, "--out", tmp_path / "other", "--quiet").returncode
        os.write(pipe_out, DEMO.read_bytes()[:24])
    finally:
        os.close(pipe_out)
        assert 0 == first.wait(LIMIT_S)


def test_ctrl_c_keeps_what_was_read_and_leaves_nothing_behind(tmp_path):
    """SIGINT in the middle: status 130, the results are of what was read, no process of ours goes on."""
    out = tmp_path / "out"
    pipe_in, pipe_out = os.pipe()
    program = subprocess.Popen([sys.executable, "-m", "trafmon", "analyse", "/dev/stdin", "--out", out, "--quiet"], stdin=pipe_in)
    os.close(pipe_in)
    data = DEMO.read_bytes()
    limit = time.monotonic() + LIMIT_S
    try:
        os.write(pipe_out, data[:30_000])
        while not any(b"tmon_probe" in command and str(out).encode() in command for command in _commands().values()):
            assert time.monotonic() < limit
            time.sleep(0.02)
        program.send_signal(signal.SIGINT)
    finally:
        os.close(pipe_out)
        assert 130 == program.wait(LIMIT_S)
    assert not [c for c in _commands().values() if str(out).encode() in c]
    assert (out / "trafmon.duckdb").exists()


def _commands() -> dict[str, bytes]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[path.parent.name] = path.read_bytes()
        except OSError:  # it has ended meanwhile
            continue
    return found


def test_only_results_of_its_own_are_replaced(demo, tmp_path):
    """A database or configuration that this command did not write stays as it is."""
    precious = tmp_path / "trafmon.duckdb"
    precious.write_text("precious")
    result = analyse(DEMO, "--out", tmp_path)
    assert 2 == result.returncode
    assert f"{precious} was not made by this command" in result.stderr
    assert "precious" == precious.read_text()
    before = (demo / "trafmon.xml").read_text()
    result = analyse(DEMO, "--out", demo, "--config", demo / "trafmon.xml")
    assert 2 == result.returncode
    assert "would be written over" in result.stderr
    assert before == (demo / "trafmon.xml").read_text()
