"""The receiver of flow records as a program, with real exporters and a real receiver beside it."""

import csv
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import SHARED_CAPTURES
from tests.oracles.tshark import occurrences
from tests.pipeline.netflow_peers import (
    LIMIT_S,
    ROOT,
    SCRIPT,
    UTC,
    Nfcapd,
    Receiver,
    flows_of_nfdump,
    free_port,
    made_capture,
    minutes_in,
    minutes_of,
    nfdump,
    recorded,
    rows_of,
    send,
    softflowd,
    totals,
)

pytestmark = pytest.mark.oracle


def exported(tmp_path: Path, capture: Path, version: str, *options: str, receive: tuple[str, ...] = ()) -> tuple[Path, Path, str]:
    """Spool and directory of nfcapd, which have received the same export, and what the receiver told."""
    spool, stored = tmp_path / "spool", tmp_path / "nfcapd"
    with Receiver(spool, *receive) as receiver, Nfcapd(stored) as nfcapd:
        datagrams = softflowd(capture, version, *options)
        send(receiver.port, *datagrams)
        send(nfcapd.port, *datagrams)
        assert receiver.stop() == 0
        nfcapd.stop()
    return spool, stored, receiver.messages


@pytest.mark.parametrize(("version", "options"), [("5", ()), ("9", ("-A", "milli")), ("10", ("-A", "milli"))])
def test_minutes_are_those_of_nfdump_spread_slowly(tmp_path, version, options):
    """Every flow, every minute, to the octet."""
    capture = tmp_path / "made.pcap"
    octets, packets = made_capture(capture)
    spool, stored, told = exported(tmp_path, capture, version, *options, receive=("--ports", "both"))
    flows = flows_of_nfdump(stored)
    assert len(flows) >= 50
    assert any(end - start > 120_000 for start, end, *_ in flows)
    assert minutes_of(flows) == minutes_in(spool)
    assert totals(spool) == (sum(f[8] for f in flows), sum(f[7] for f in flows), len(flows))
    if version != "5":  # which knows no IPv6
        assert (octets, packets) == totals(spool)[:2]
    assert "did not arrive" not in told
    assert "not understood" not in told


@pytest.mark.parametrize(("name", "arguments"), [
    *(("lab_misc.pcap", a) for a in ("5", "9", "10", "10 -b", "10 -A micro", "10 -A nano", "9 -T ether")),
    ("ftp_pasv_688_retr.pcap", "10"), ("vlan_dot1q.pcap", "10 -x 3 -T vlan")])
def test_totals_are_those_of_nfdump_and_tshark(tmp_path, name, arguments):
    """Real traffic; VLAN, MPLS, MAC addresses and what else softflowd tells are stepped over."""
    options = tuple(arguments.split())
    original = SHARED_CAPTURES / name
    if not original.exists():
        pytest.skip("../shared/captures is not there")
    capture = tmp_path / "c.pcap"
    capture.write_bytes(original.read_bytes())
    spool, stored, _ = exported(tmp_path, capture, *options)
    octets, packets, _ = totals(spool)
    assert octets > 0
    fields = [line.split(",") for line in nfdump(stored, "fmt:%pkt,%byt,%opkt,%obyt")]
    forward = (sum(int(f[1]) for f in fields), sum(int(f[0]) for f in fields))
    back = (sum(int(f[3]) for f in fields), sum(int(f[2]) for f in fields)) if "-b" in options else (0, 0)
    assert (octets, packets) == (forward[0] + back[0], forward[1] + back[1])
    seen = Counter()
    for frame in occurrences(capture, ("frame.len", "ip.version", "ipv6.version", "vlan.id")):
        version = frame.get("ip.version") or frame.get("ipv6.version")
        if version and (version[0] == "4" or options[0] != "5"):  # softflowd counts what pads short frames, too
            seen += Counter(packets=1, octets=int(frame["frame.len"][0]) - 14 - 4 * len(frame.get("vlan.id", ())))
    assert (octets, packets) == (seen["octets"], seen["packets"])


@pytest.mark.parametrize("name", ["netflow_v9_cisco.pcap", "lab_netflow_v5_v9_ipfix.pcap"])
def test_recorded_exports(tmp_path, name):
    """Of Cisco routers, and of softflowd to three receivers: every flow (nfdump dates some 49 days too late: those whose uptime
    lies before their exporter's start)."""
    if not (SHARED_CAPTURES / name).exists():
        pytest.skip("../shared/captures is not there")
    datagrams, spool, stored = recorded(SHARED_CAPTURES / name), tmp_path / "spool", tmp_path / "nfcapd"
    with Receiver(spool, "--ports", "both") as receiver, Nfcapd(stored) as nfcapd:
        send(receiver.port, *datagrams)
        send(nfcapd.port, *datagrams)
        assert receiver.stop() == 0
        nfcapd.stop()
    flows = flows_of_nfdump(stored)
    assert totals(spool) == (sum(f[8] for f in flows), sum(f[7] for f in flows), len(flows))

    def whole(minutes):
        found = Counter()
        for key, octets in minutes.items():
            found[key[:-1]] += octets
        return found

    assert whole(minutes_of(flows)) == whole(minutes_in(spool))


def test_sampled_counts_are_multiplied(tmp_path):
    """By what the exporter's options tell."""
    capture = tmp_path / "made.pcap"
    made_capture(capture)
    spool, stored, told = exported(tmp_path, capture, "9", "-s", "10")
    flows = flows_of_nfdump(stored)
    assert totals(spool)[:2] == (10 * sum(f[8] for f in flows), 10 * sum(f[7] for f in flows))
    assert "looks at one packet of 10" in told


def test_replayed_by_nfreplay(tmp_path):
    """What nfcapd has stored, sent again as v9."""
    capture, stored, spool = tmp_path / "made.pcap", tmp_path / "nfcapd", tmp_path / "spool"
    made_capture(capture)
    with Nfcapd(stored) as nfcapd:
        send(nfcapd.port, *softflowd(capture, "5"))
        nfcapd.stop()
    with Receiver(spool, "--ports", "both") as receiver:
        for path in sorted(stored.glob("nfcapd.2*")):
            subprocess.run(["nfreplay", "-r", path, "-H", "127.0.0.1", "-p", str(receiver.port)], check=True, capture_output=True,
                           timeout=LIMIT_S)
        assert receiver.stop() == 0
    assert minutes_of(flows_of_nfdump(stored)) == minutes_in(spool)


def test_files_of_nfdump(tmp_path):
    """The CSV of nfdump gives what its export gave, to the second that it prints."""
    capture = tmp_path / "made.pcap"
    made_capture(capture)
    spool, stored, _ = exported(tmp_path, capture, "5", receive=("--exporter", "127.0.0.1=west"))
    file = tmp_path / "flows.csv"
    with file.open("w") as out:
        subprocess.run(["nfdump", "-R", stored, "-o", "csv"], check=True, stdout=out, env=UTC, timeout=LIMIT_S)
    done = subprocess.run([sys.executable, SCRIPT, "read", "--spool", tmp_path / "other", "--exporter", "127.0.0.1=west", file],
                          capture_output=True, text=True, env=UTC, check=False, timeout=START_LIMIT)
    assert (done.returncode, done.stderr.count("left out")) == (0, 0)
    assert totals(spool) == totals(tmp_path / "other")
    assert {"west"} == {r["probe"] for r in rows_of(tmp_path / "other", "netflow")}

    def flows(where):
        return {tuple(r[c] for c in ("probe", "src_addr", "dst_addr", "protocol", "src_port", "dst_port"))
                for r in rows_of(where, "flow_definition")}

    assert flows(spool) == flows(tmp_path / "other")


START_LIMIT = 60


def v5_datagram(sequence: int, octets: int, count: int = 1) -> bytes:
    """Of now, from 10.0.0.1 to 10.0.0.2, UDP port 53."""
    header = struct.pack("!HHIIIIBBH", 5, count, 100_000, int(time.time()), 0, sequence, 0, 0, 0)
    record = struct.pack("!4s4s4sHHIIIIHHBBBBHHBBH", bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)), bytes(4), 1, 2, 3, octets, 100_000,
                         100_000, 40000, 53, 0, 0, 17, 0, 0, 0, 0, 0, 0)
    return header + record * count


def test_interrupted_it_writes_what_it_has(tmp_path):
    """Ctrl-C: the minute is not over, its rows are there, files are complete, events tell start and end."""
    spool = tmp_path / "spool"
    with Receiver(spool) as receiver:
        send(receiver.port, v5_datagram(0, 1000), v5_datagram(1, 500))
        assert receiver.stop(signal.SIGINT) == 0
    assert totals(spool) == (1500, 6, 2)
    assert not list(spool.glob("*.part"))
    assert [r["code"] for r in rows_of(spool, "event")] == ["netflow_started", "netflow_stopped"]


def test_killed_and_started_again(tmp_path):
    """What was written stays and counts once; the new run's flows are flows of their own, and the loader knows both."""
    import duckdb

    spool = tmp_path / "spool"
    with Receiver(spool, "--linger", "0s", port=(port := free_port())) as receiver:
        old = struct.pack("!I", int(time.time()) - 600)
        send(port, v5_datagram(0, 1000)[:8] + old + v5_datagram(0, 1000)[12:])
        wait_for(lambda: any(b"17" in p.read_bytes() for p in spool.glob("netflow.*.part")))
        receiver.process.kill()
        receiver.process.wait()
    with Receiver(spool, port=port) as receiver:
        send(port, v5_datagram(5, 300))
        assert receiver.stop() == 0
    assert totals(spool) == (1300, 6, 2)
    assert "collector_recovered" in [r["code"] for r in rows_of(spool, "event")]
    subprocess.run([sys.executable, ROOT / "scripts" / "trafmon_loader.py", "--spool", spool, "--database", tmp_path / "t.duckdb"],
                   check=True, capture_output=True, timeout=START_LIMIT)
    with duckdb.connect(tmp_path / "t.duckdb", read_only=True) as database:
        rows = database.execute("SELECT f.src_addr, f.dst_port, f.src_port, f.flow_class, n.octets, n.records FROM netflow_1h n "
                                "JOIN flow f USING (flow_key) ORDER BY n.octets").fetchall()
    assert rows == [("10.0.0.1", 53, None, "netflow", 300, 1), ("10.0.0.1", 53, None, "netflow", 1000, 1)]


def wait_for(condition) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_two_on_one_port_or_in_one_spool(tmp_path):
    """Each is told what is in its way; the first goes on."""
    with Receiver(tmp_path / "spool") as first:
        with Receiver(tmp_path / "other", port=first.port) as second:
            assert second.process.wait(LIMIT_S) == 2
            assert f"port {first.port}: in use" in second.process.stderr.read()
        with Receiver(tmp_path / "spool") as third:
            assert third.process.wait(LIMIT_S) == 2
            assert "is running already" in third.process.stderr.read()
        send(first.port, v5_datagram(0, 7))
        assert first.stop() == 0
    assert totals(tmp_path / "spool") == (7, 3, 1)


def test_losses_and_rubbish_are_told(tmp_path):
    """In the log and as events: by exporter, by reason."""
    spool = tmp_path / "spool"
    with Receiver(spool) as receiver:
        send(receiver.port, v5_datagram(0, 10), v5_datagram(31, 10), b"hello", struct.pack("!HHIII", 10, 16, 0, 0, 0)[:9])
        assert receiver.stop() == 0
    events = {r["code"]: r for r in rows_of(spool, "event")}
    assert '"count":30' in events["netflow_lost"]["details"]
    assert "127.0.0.1" in events["netflow_lost"]["subject"]
    assert {"1 version", "1 short"} <= set(events["netflow_not_understood"]["text"].split(": ")[-1].split(", "))


def test_only_listed_exporters_are_heard(tmp_path):
    spool = tmp_path / "spool"
    with Receiver(spool, "--exporter", "192.0.2.1=far", "--listed-only") as receiver:
        send(receiver.port, v5_datagram(0, 10))
        assert receiver.stop() == 0
    assert totals(spool) == (0, 0, 0)
    assert "1 exporter" in receiver.messages


def test_a_full_disk(tmp_path):
    """Rows wait for room; nothing is lost if it comes in time."""
    from tests.pipeline.small_disk import small_disk

    with small_disk(tmp_path, "256k") as disk:
        filler = disk / "filler"
        with Receiver(disk / "spool", "--linger", "0s") as receiver:
            filler.write_bytes(bytes(100_000))
            try:
                with filler.open("ab", buffering=0) as out:
                    while True:
                        out.write(bytes(4096))
            except OSError:
                pass
            old = struct.pack("!I", int(time.time()) - 600)
            datagram = v5_datagram(0, 1000)
            send(receiver.port, datagram[:8] + old + datagram[12:])
            line = ""
            while "cannot be written" not in line:
                line = receiver.process.stderr.readline()
                assert line
            filler.unlink()
            wait_for(lambda: any(b",1000," in p.read_bytes() for p in (disk / "spool").glob("netflow.*.part")))
            assert receiver.stop() == 0
        assert totals(disk / "spool") == (1000, 3, 1)
        assert {"disk_full", "disk_back"} <= {r["code"] for r in rows_of(disk / "spool", "event")}


def test_wrong_arguments(tmp_path):
    """One line, exit status 2."""
    for arguments, expected in ((["receive", "--spool", tmp_path, "--sampling", "0"], "expected 1 to"),
                                (["receive", "--spool", tmp_path, "--exporter", "x=y"], "expected ADDRESS"),
                                (["receive", "--spool", tmp_path, "--buffer", "1000000000000"], "--buffer"),
                                (["receive", "--spool", tmp_path, "--linger", "soon"], "--linger"),
                                (["receive", "--spool", tmp_path / "a" / "b"], "does not exist"),
                                (["receive", "-c", tmp_path / "none.xml"], "none.xml"),
                                (["read", "--spool", tmp_path], "FILE"), ([], "COMMAND")):
        done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False,
                              timeout=START_LIMIT)
        assert (done.returncode, done.stdout) == (2, "")
        assert expected in done.stderr
        assert done.stderr.count("\n") == 1


def test_reading_is_interrupted(tmp_path):
    """It says so, and leaves complete files."""
    with subprocess.Popen([sys.executable, SCRIPT, "read", "--spool", tmp_path / "spool", "-"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdin.write("ts,te,td,sa,da,sp,dp,pr,ipkt,ibyt\n")
        process.stdin.flush()
        wait_for((tmp_path / "spool" / ".netflow.journal").exists)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert "interrupted" in told
    assert "Traceback" not in told


def test_a_file_that_is_none(tmp_path):
    """The others are read; the status tells."""
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    with good.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ts", "te", "td", "sa", "da", "sp", "dp", "pr", "ipkt", "ibyt"])
        writer.writerow(["2024-05-01 10:00:30", "2024-05-01 10:01:30", "60", "10.0.0.1", "10.0.0.2", "1234", "53", "UDP", 4, 1000])
        writer.writerow(["2024-05-01 10:00:30", "2024-05-01 10:01:30", "60", "10.0.0.1", "nobody", "1234", "53", "UDP", 4, 1000])
    bad.write_text("a,b\n1,2\n")
    done = subprocess.run([sys.executable, SCRIPT, "read", "--spool", tmp_path / "spool", bad, tmp_path / "no.csv", good],
                          capture_output=True, text=True, env=UTC, check=False, timeout=START_LIMIT)
    assert done.returncode == 1
    assert "bad.csv: its first line has no column ts" in done.stderr
    assert "no.csv: No such file" in done.stderr
    assert "good.csv:3: no address 'nobody'; left out" in done.stderr
    rows = rows_of(tmp_path / "spool", "netflow")
    assert [("1714557600", "500", "2", "1"), ("1714557660", "500", "2", "0")] == [
        (r["start"].split(".")[0], r["octets"], r["packets"], r["records"]) for r in rows]
