"""Arguments, inputs and ends of `trafmon one-way`."""

import gzip
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.oracles.one_way_packets import difference, header, read_packets
from tests.pipeline.one_way_run import LIMIT_S, one_way, rows
from tests.pipeline.small_disk import small_disk
from tests.pipeline.test_analyse import _commands
from tests.synthetic_one_way import simulate
from tests.synthetic_one_way.network import MS, Flow, Hop, Network, Segment

PLAIN = Network("plain", (Hop("near"), Hop("far")), (Segment(20 * MS, jitter_ns=MS, loss=0.05),), (
    Flow("192.0.2.1", "198.51.100.1", "udp", 1000, 2000, count=300), Flow("198.51.100.1", "192.0.2.1", "tcp", 80, 1001, count=300,
                                                                          back=True)))


@pytest.fixture(scope="module")
def made():
    return simulate(PLAIN)


@pytest.fixture(scope="module")
def captures(made, tmp_path_factory):
    return made.write(tmp_path_factory.mktemp("plain"))[0]


@pytest.mark.parametrize(("arguments", "reason"), [
    (["A"], "expected captures of at least two places"),
    (["A", "B", "--hop", "x"], "--hop is given 1 time(s) for 2 captures"),
    (["A", "B", "--hop", "x", "--hop", "x"], "at least two different ones"),
    (["A"] * 9, "9 hops; expected at most 8"),
    (["A", "B", "--hop", "a b", "--hop", "x"], "expected a name"),
    (["A", "B", "--max-transit", "1h"], "--max-transit"),
    (["A", "B", "--interval", "7s"], "--interval"),
    (["A", "B", "--filter", "no such thing"], "--filter"),
    (["A", "B", "--per", "octet"], "--per"),
    (["A", "/nonexistent.pcap"], "/nonexistent.pcap: no such file"),
    (["/dev/stdin", "/dev/stdin"], "/dev/stdin can be read once only"),
    (["A", "B", "--out", "/proc/nowhere"], "/proc/nowhere"),
    (["A", "B", "--packets", "/proc/nowhere/p.csv"], "/proc/nowhere"),
    (["A", "B", "--packets", "-"], "--packets -: expected a file"),
    (["A", "B", "--octets", "-1"], "--octets"),
    (["A", "B", "--octets", "65536"], "--octets"),
    (["A", "/dev/stdin", "--align"], "/dev/stdin can be read once only, and --align reads captures twice"),
])
def test_wrong_arguments_are_told(captures, tmp_path, arguments, reason):
    """Status 2 and what to do, at once, never a traceback."""
    words = [str(captures["AB".index(word)]) if word in "AB" else word for word in arguments]
    result = one_way("--out", tmp_path / "out", *words)
    assert (2, "") == (result.returncode, result.stdout)
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


def test_no_capture_at_all():
    result = one_way()
    assert 2 == result.returncode
    assert "CAPTURE" in result.stderr


def test_gzip_and_pipes_give_the_same(made, captures, tmp_path):
    """One compressed, one through a pipe; quiet means silent; the file may be one that is there."""
    packed, target = tmp_path / "near.pcap.gz", tmp_path / "p.csv"
    packed.write_bytes(gzip.compress(captures[0].read_bytes()))
    target.write_text("old")
    with captures[1].open("rb") as file:
        piped = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        result = one_way(packed, "/dev/stdin", "--out", tmp_path / "out", "--packets", target, "--quiet", stdin=piped.stdout)
        assert 0 == piped.wait()
    assert (0, "", "") == (result.returncode, result.stdout, result.stderr)
    assert ([], []) == difference(made.packets, read_packets(target))


def test_two_pipes_of_a_shell(made, captures, tmp_path):
    """<(command) for both."""
    script = (f'exec {sys.executable} -m trafmon one-way <(cat "$1") <(cat "$2") --hop near --hop far --out "$3" --packets "$4"'
              " --quiet")
    result = subprocess.run(["bash", "-c", script, "bash", *captures, tmp_path / "out", tmp_path / "p.csv"], check=False,
                            capture_output=True, text=True, timeout=LIMIT_S)
    assert (0, "", "") == (result.returncode, result.stdout, result.stderr)
    assert ([], []) == difference(made.packets, read_packets(tmp_path / "p.csv"))


def test_a_filter_narrows_and_the_order_may_be_reversed(made, captures, tmp_path):
    """Only what passes the filter; hop 1 is the first capture, whatever way flows go."""
    result = one_way(*reversed(captures), "--filter", "udp", "--out", tmp_path / "out", "--packets", tmp_path / "p.csv")
    assert 0 == result.returncode
    expected = [(p.flow, p.times_ns[::-1]) for p in made.packets if p.flow[2] == "17"]
    found = read_packets(tmp_path / "p.csv")
    assert sorted(expected, key=str) == sorted(((p.flow, p.times_ns) for p in found), key=str)
    assert {2} == {p.lost_after for p in found if p.verdict == "lost"}


def test_without_a_file_no_packet_has_a_row(made, captures, tmp_path):
    """Counters alone; the table goes to where it is sent."""
    result = one_way(*captures, "--out", tmp_path / "out")
    assert (0, "") == (result.returncode, result.stderr)
    assert [] == rows(tmp_path / "out", "one_way_packet")
    assert len(made.packets) == sum(int(r["packets"]) for r in rows(tmp_path / "out", "one_way_counters"))
    assert "udp 192.0.2.1:1000 → 198.51.100.1:2000" in result.stdout


def test_captures_without_packets(captures, tmp_path):
    """Nothing was seen: zeros and a header."""
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(captures[0].read_bytes()[:24])
    result = one_way(empty, empty, "--out", tmp_path / "out", "--packets", tmp_path / "p.csv")
    assert 0 == result.returncode
    assert "no packet was followed" in result.stderr
    assert "none" in result.stdout
    assert (tmp_path / "p.csv").read_text() == ",".join(header(2)) + "\n"


def test_clocks_an_hour_apart(made, captures, tmp_path):
    """Nothing is found again, and it is told why, and what to do; with --align, all is as if the clocks were right."""
    late, target = tmp_path / "late.pcap", tmp_path / "p.csv"
    late.write_bytes(_later(captures[1].read_bytes(), 3600))
    result = one_way(captures[0], late, "--out", tmp_path / "out", "--quiet")
    assert 0 == result.returncode
    assert f"trafmon one-way: the clock of {late} is 3," in result.stderr
    assert result.stderr.endswith("give --align\n")
    result = one_way(captures[0], late, "--out", tmp_path / "out", "--quiet", "--align", "--packets", target)
    assert (0, f"trafmon one-way: the times of {late} are taken 1h earlier\n") == (result.returncode, result.stderr)
    assert ([], []) == difference(made.packets, read_packets(target))


def test_a_pipe_is_not_compared(captures, tmp_path):
    """It can be read once only; the questions are asked instead."""
    late = _later(captures[1].read_bytes(), 3600)
    result = one_way(captures[0], "/dev/stdin", "--out", tmp_path / "out", "--quiet", stdin=_piped(late))
    assert 0 == result.returncode
    assert "Are the clocks farther apart than --max-transit?" in result.stderr


def _piped(content: bytes) -> int:
    pipe_in, pipe_out = os.pipe()
    threading.Thread(target=lambda: [os.write(pipe_out, content[at : at + 4096]) for at in range(0, len(content), 4096)]
                     + [os.close(pipe_out)]).start()
    return pipe_in


def test_captures_of_different_snap_lengths(made, captures, tmp_path):
    """Told what to give; with it, every packet is recognised."""
    snapped, target = tmp_path / "snapped.pcap", tmp_path / "p.csv"
    snapped.write_bytes(_snapped(captures[1].read_bytes(), 96))
    result = one_way(captures[0], snapped, "--out", tmp_path / "out", "--quiet")
    assert (0, f"trafmon one-way: only the beginnings of packets are in {snapped}: give --octets 62\n") == (
        result.returncode, result.stderr)
    result = one_way(captures[0], snapped, "--out", tmp_path / "out", "--quiet", "--octets", "62", "--packets", target)
    assert (0, "") == (result.returncode, result.stderr)
    assert ([], []) == difference(made.packets, read_packets(target))


@pytest.mark.parametrize("link", [False, True])
def test_no_capture_is_written_over(captures, tmp_path, link):
    """A slip of --packets, by a name or another."""
    precious, target = tmp_path / "precious.pcap", tmp_path / "link" if link else tmp_path / "precious.pcap"
    precious.write_bytes(content := captures[0].read_bytes())
    if link:
        target.symlink_to(precious)
    result = one_way(precious, captures[1], "--out", tmp_path / "out", "--packets", target)
    assert 2 == result.returncode
    assert f"{target}: is one of the captures" in result.stderr
    assert content == precious.read_bytes()


def _later(content: bytes, seconds: int) -> bytes:
    at, parts = 24, [content[:24]]
    while at < len(content):
        length = int.from_bytes(content[at + 8 : at + 12], "little")
        moment = int.from_bytes(content[at : at + 4], "little") + seconds
        parts += [moment.to_bytes(4, "little"), content[at + 4 : at + 16 + length]]
        at += 16 + length
    return b"".join(parts)


def _snapped(content: bytes, octets: int) -> bytes:
    at, parts = 24, [content[:24]]
    while at < len(content):
        length = int.from_bytes(content[at + 8 : at + 12], "little")
        kept = min(length, octets)
        parts += [content[at : at + 8], kept.to_bytes(4, "little"), content[at + 12 : at + 16 + kept]]
        at += 16 + length
    return b"".join(parts)


def test_results_that_find_no_room(captures, tmp_path):
    """Status 1 and what it is about, not a table of nothing that looks like a result."""
    with small_disk(tmp_path, "64k") as disk:
        result = one_way(*captures, "--out", disk / "out", "--packets", tmp_path / "p.csv")
    assert 1 == result.returncode
    assert "No space left on device" in result.stderr
    assert "the results are not complete" in result.stderr
    assert "no packet was followed" not in result.stderr


def test_ctrl_c_keeps_what_was_read_and_leaves_nothing_behind(captures, tmp_path):
    """SIGINT while a capture still comes: status 130, what was read is loaded, no process of ours goes on."""
    out = tmp_path / "out"
    pipe_in, pipe_out = os.pipe()
    program = subprocess.Popen([sys.executable, "-m", "trafmon", "one-way", captures[0], "/dev/stdin", "--out", out, "--quiet",
                                "--packets", tmp_path / "p.csv"], stdin=pipe_in, stderr=(tmp_path / "told").open("w"))
    os.close(pipe_in)
    limit = time.monotonic() + LIMIT_S
    try:
        os.write(pipe_out, captures[1].read_bytes()[:30_000])
        while sum(b"tmon_probe" in command and str(out).encode() in command for command in _commands().values()) < 2:
            assert time.monotonic() < limit
            time.sleep(0.02)
        program.send_signal(signal.SIGINT)
    finally:
        os.close(pipe_out)
        assert 130 == program.wait(LIMIT_S)
    assert not [c for c in _commands().values() if str(out).encode() in c]
    assert (out / "trafmon.duckdb").exists()
    assert (tmp_path / "p.csv").exists()
    assert "interrupted; only what was read until then is in the results" in (tmp_path / "told").read_text()


def test_results_replace_only_their_own(made, captures, tmp_path):
    """A second run in the same place; a database of somebody else stays."""
    precious = tmp_path / "trafmon.duckdb"
    precious.write_text("precious")
    result = one_way(*captures, "--out", tmp_path)
    assert 2 == result.returncode
    assert f"{precious} was not made by this command" in result.stderr
    assert "precious" == precious.read_text()
    for _ in range(2):
        assert 0 == one_way(*captures, "--out", tmp_path / "out", "--quiet").returncode
    assert {1} == {len({r["run"] for r in rows(tmp_path / "out", "flow_definition") if r["probe"] == probe})
                   for probe in ("near", "far")}
    assert len(made.packets) == sum(int(r["packets"]) for r in rows(tmp_path / "out", "one_way_counters"))
