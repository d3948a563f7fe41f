"""FTP sessions of real captures: what their clients did, and what tshark puts together."""

import json
from collections import Counter, defaultdict
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.conftest import OWN_CAPTURES, SHARED_CAPTURES
from tests.oracles import tshark
from tests.oracles.ftp_dialogue import TRANSFERS, dialogue, programs_of_lab, told_by_lab
from tests.oracles.tshark_follow import followed
from tests.pipeline_in_process import FIVE_TUPLE, Measured, measure
from tmon_common.config.model import SECOND, Analysis, Filter, FlowClass

LAB = ("lab_ftp_modes", "lab_ftp_loss", "lab_ftp_abort_vlan77")
DEMO = [OWN_CAPTURES / "demo" / f"{side}.pcap" for side in ("west", "east")]
OTHERS = ("ftp_active_passive_ipv4", "ftp_epsv_eprt_ipv6", "ftp_pasv_688_retr", "ftp_all_data_cmds_ipv4", "ftp_pasv_dirs_large_get",
          "ftp_lprt_ipv6_nasa", "ftp_rest_router_active", "sll_ftp_passive")
STORES = ("STOR", "STOU", "APPE")
needs_tshark = [pytest.mark.oracle, pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)]


def ftp_class(**options: str) -> FlowClass:
    return FlowClass("ftp", Filter(), (FIVE_TUPLE,), (Analysis("ftp", 10 * SECOND, None, tuple(options.items())),))


@lru_cache(maxsize=32)
def _measured(path: Path) -> Measured:
    return measure(path, (ftp_class(),))


def _shared(name: str) -> Path:
    path = SHARED_CAPTURES / f"{name}.pcap"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


def _transfers(path: Path) -> list[dict]:
    return sorted(_measured(path).records("ftp_transfer"), key=lambda row: (row["start"], row["transfer"]))


def _totals(path: Path) -> Counter:
    totals = Counter()
    for row in _measured(path).records("ftp_counters"):
        totals.update({name: value for name, value in row.items() if name not in ("flow", "start", "end")})
    return totals


# --- what clients say they did


@pytest.mark.parametrize("name", LAB)
def test_lab_transfers(name):
    """Each transfer of the scripted clients, in order by command, path and mode: outcome, code, restart and octets."""
    path = _shared(name)
    ours = defaultdict(list)
    for row in _transfers(path):
        ours[row["command"], row["path"], None if row["mode"] == "unknown" else row["mode"]].append(row)
    for told in told_by_lab(path.with_suffix(".truth.jsonl")):
        row = next(r for r in ours[told.command, told.path, told.mode] if r["start"] < told.ended_s * 1e9)
        ours[told.command, told.path, told.mode].remove(row)
        assert (told.outcome, told.restart) == (row["outcome"], row["restart_offset"])
        assert row["reply_code"] == (told.code or row["reply_code"])
        if told.octets is not None:
            assert told.octets == row["octets"] if told.exactly else told.octets <= row["octets"]


@pytest.mark.parametrize("name", LAB)
def test_lab_programs(name):
    """What curl, wget and tnftp did: their exit status tells completed from aborted; a resumed file is covered to its end."""
    path = _shared(name)
    rows = _transfers(path)
    for program in programs_of_lab(path.with_suffix(".truth.jsonl")):
        during = [r for r in rows if program.from_s * 1e9 <= r["start"] < program.to_s * 1e9]
        if program.name == "cmp":
            assert [] == during
            continue
        aborted = program.status != 0 or "aborted" in program.name
        assert {"aborted" if aborted else "completed"} == {r["outcome"] for r in during}
        if "resume" in program.name:
            assert [2] == [r["fragment"] for r in during]
            before = next(r for r in rows if r["transfer"] == during[0]["resumes"])
            assert ("aborted", before["path"]) == (before["outcome"], during[0]["path"])
            assert during[0]["announced_octets"] in (None, during[0]["file_octets"])
            assert {"RETR": 600_000, "APPE": 400_000}[during[0]["command"]] == during[0]["file_octets"]


def test_lab_sessions():
    """Logins accepted and refused."""
    path = _shared("lab_ftp_modes")
    entries = [json.loads(line) for line in path.with_suffix(".truth.jsonl").read_text().splitlines()]
    totals = _totals(path)
    programs = sum("client" in e for e in entries)
    logins = sum(e.get("op") == "login" for e in entries)
    bad = sum(e.get("op") == "badlogin" for e in entries)
    assert logins + programs + bad == totals["sessions"]
    assert 2 * bad == totals["logins_refused"]  # USER and PASS are both refused


@pytest.mark.parametrize("path", DEMO, ids=lambda p: p.stem)
def test_demo(path):
    """Every FTP operation of the demo traffic at both probes: commands, files, exact octets, modes, ports, outcome, final reply."""
    operations = [o for o in json.loads((path.parent / "truth.json").read_text())["operations"] if o["protocol"] == "ftp"]
    sizes = json.loads((path.parent / "truth.json").read_text())["files"]
    rows, used = _transfers(path), []
    assert operations
    for operation in operations:
        during = [r for r in rows if str(r["client_addr"]) == operation["src_addr"]
                  and operation["start_ns"] <= r["start"] <= operation["end_ns"]]
        used += during
        said = [line[2:].partition(" ") for line in operation["dialogue"] if line[0] == ">"]
        wanted = [(verb, argument) for verb, _, argument in said if verb in TRANSFERS]
        assert wanted == [(r["command"], r["path"]) for r in during]
        modes = {"EPSV": "extended_passive", "PASV": "passive", "EPRT": "extended_active", "PORT": "active"}
        assert [(modes[c["mode"]], c["port"]) for c in operation["data_connections"]][: len(during)] == [
            (r["mode"], r["data_port"]) for r in during]
        assert [operation.get("resume_offset", 0)] * len(during) == [r["restart_offset"] for r in during]
        if operation["result"] == "aborted":  # the client read less than was on its way
            assert [("aborted", 426)] == [(r["outcome"], r["reply_code"]) for r in during]
            assert operation["octets"] <= during[0]["octets"] < sizes["huge.bin"] == during[0]["announced_octets"]
            continue
        assert [("completed", 226)] * len(wanted) == [(r["outcome"], r["reply_code"]) for r in during]
        if during:
            listed = operation["kind"] == "ftp_list"
            assert operation["octets"] == sum(r["octets"] for r in during if listed or r["command"] != "LIST")
    assert sorted(r["transfer"] for r in rows) == sorted(r["transfer"] for r in used)


LINK_MS = {"lab_ftp_modes": (20, 30), "lab_ftp_abort_vlan77": (16, 24)}
"""Round trip between the tap and client, tap and server, as the link of the laboratory was set; jitter is below a millisecond."""
NOISE_MS = 4


@pytest.mark.parametrize("name", LINK_MS)
def test_round_trips_of_data(name):
    """The shortest round trip of a transfer is that between the probe and who receives the data; where nothing was lost nothing
    was sent twice."""
    long = [r for r in _transfers(_shared(name)) if (r["octets"] or 0) >= 50_000]
    assert {"RETR", "STOR"} <= {r["command"] for r in long}
    for row in long:
        expected = LINK_MS[name][row["command"] in STORES]
        assert expected <= row["rtt_min"] / 1e6 <= expected + NOISE_MS
        assert row["rtt_min"] <= row["rtt_mean"] <= row["rtt_max"]
        assert 0 == row["missing_octets"]
        assert row["data_segments"] >= row["octets"] / 65536
        assert row["throughput"] == 8 * row["octets"] * SECOND // row["duration"]


# --- what tshark puts together


def _paths() -> list:
    shared = [SHARED_CAPTURES / f"{name}.pcap" for name in (*LAB, *OTHERS)]
    return [pytest.param(p, id=p.stem, marks=needs_tshark) for p in (*DEMO, *shared)]


def _need(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path} is not there")


@pytest.mark.parametrize("path", _paths())
def test_dialogues(path):
    """Commands, replies by class and transfers of each session, as they stand in tshark's streams."""
    _need(path)
    dialogues = [dialogue(s) for s in followed(path) if 21 in (s.ends[0][1], s.ends[1][1])]
    totals, ours = _totals(path), defaultdict(list)
    for row in sorted(_transfers(path), key=lambda r: r["transfer"]):
        path_told = "" if row["command"] == "STOU" else row["path"]  # of STOU it is what the server answered
        ours[str(row["client_addr"]), row["client_port"]].append((row["command"], path_told))
    assert {d.client: [(v, "" if v == "STOU" else a) for v, a in d.transfers] for d in dialogues if d.transfers} == ours
    assert sum(len(d.commands) for d in dialogues) == totals["commands"]
    hundreds = Counter(code // 100 for d in dialogues for code in d.replies)
    assert [hundreds[n] for n in range(1, 6)] == [totals[f"replies_{n}xx"] for n in range(1, 6)]
    assert len(dialogues) == totals["sessions"]
    assert Counter(code for d in dialogues for code in d.replies)[230] == totals["logins"]


BEHIND_A_HOLE = {("west", 40657): 1448}
"""(capture, data port) -> octets that were seen behind a segment lost before the probe and never repaired, as the client had gone:
tshark shows none of them, we count what went by."""
WITHOUT_COMMAND = {("west", 40435), ("east", 40435)}
"""(capture, data port) that a client opened a connection to, after PASV, and gave up when SIZE was refused."""
NOT_CAPTURED = {"ftp_pasv_688_retr": "the data connections are not in the capture"}
"""Captures whose transfers have no octets, and why."""


@pytest.mark.parametrize("path", _paths())
def test_octets_of_data_connections(path):
    """The octets of each transfer are those of tshark's stream between the announced port and the other host, in the data's
    direction; no data stream is left over."""
    _need(path)
    streams, left, unseen = defaultdict(list), Counter(), 0
    for stream in followed(path):
        if all(port == 20 or port >= 1024 for _, port in stream.ends):  # the demo has HTTP and DNS too
            for (listener, port), (other, _) in (stream.ends, stream.ends[::-1]):
                streams[listener, port, other].append(stream)
            left[stream.ends] += 1
    for row in _transfers(path):
        if row["octets"] is None:
            assert row["outcome"] == "refused" or path.stem in NOT_CAPTURED
            unseen += row["outcome"] != "refused"
            continue
        client, server = str(row["client_addr"]), str(row["server_addr"])
        listener, other = (client, server) if row["mode"].endswith("active") else (server, client)
        found = streams[listener, row["data_port"], other]
        sender = client if row["command"] in STORES else server
        lengths = {len(s.sent_by(next(e for e in s.ends if e[0] == sender))): s for s in found}
        octets = row["octets"] - BEHIND_A_HOLE.get((path.stem, row["data_port"]), 0)
        assert octets in lengths
        left[lengths[octets].ends] -= 1
    assert bool(unseen) == (path.stem in NOT_CAPTURED)
    opened = {port for stem, port in WITHOUT_COMMAND if stem == path.stem}
    assert sorted(opened) == [ends[1][1] for ends, n in left.items() if n]


TWICE = "the file holds its packets twice, the second time with the times of the first"


@pytest.mark.oracle
@pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)
def test_brute_force(tmp_path):
    """Some 700 failed logins. See TWICE: of the first half alone every login counts as tshark counts it."""
    path = _shared("ftp_bruteforce_dups")
    frames = [(f["frame.time_epoch"], f.get("ip.id"), f["frame.len"]) for f in tshark.dump(path).frames]
    half = len(frames) // 2
    assert frames[:half] == frames[half:], TWICE
    first = _first_frames(path, half, tmp_path / "first.pcap")
    replies = Counter(code for s in followed(first) for code in dialogue(s).replies)
    totals = _totals(first)
    assert replies[530] > 700
    assert (len(followed(first)), replies[530]) == (totals["sessions"], totals["logins_refused"])


def _first_frames(path: Path, count: int, to: Path) -> Path:
    """A pcap file with the first frames of another (little endian)."""
    data = path.read_bytes()
    at = 24
    for _ in range(count):
        at += 16 + int.from_bytes(data[at + 8 : at + 12], "little")
    to.write_bytes(data[:at])
    return to


def test_garbled_dialogue():
    """A fuzzed capture: its one transfer is found, garbage is counted, nothing is made up."""
    path = _shared("malformed_fuzz_2006")
    rows, totals = _transfers(path), _totals(path)
    assert ["RETR"] == [r["command"] for r in rows]
    assert rows[0]["path"].startswith("Site")
    assert totals["lines_skipped"] > 0
    assert {0} == {totals[f"{what}_completed"] for what in ("retrievals", "stores", "listings")}


# --- options


@pytest.mark.parametrize("path", [pytest.param(SHARED_CAPTURES / f"{name}.pcap", id=name) for name in LAB[:2]])
def test_boundaries(path):
    """With only SYN, FIN and RST of data connections, the same transfers with the same octets, where both sides closed in order."""
    _need(path)
    by_boundaries = measure(path, (ftp_class(mode="boundaries"),)).records("ftp_transfer")
    full = {r["transfer"]: r for r in _transfers(path)}
    assert len(full) == len(by_boundaries)
    for name in ("data_segments", "retransmitted_segments", "retransmitted_octets", "out_of_order_segments", "missing_octets",
                 "rtt_min"):
        assert {None} == {r[name] for r in by_boundaries}
    same = [r for r in by_boundaries if r["octets"] == full[r["transfer"]]["octets"]]
    assert {r["outcome"] for r in by_boundaries if r not in same} <= {"aborted"}


def test_addresses_of_rows():
    """Addresses stand in rows as they are written."""
    row = _transfers(DEMO[0])[0]
    assert (ip_address("192.0.2.2"), ip_address("198.51.100.2"), ip_address("198.51.100.2"), 21) == (
        row["client_addr"], row["server_addr"], row["data_addr"], row["server_port"])
