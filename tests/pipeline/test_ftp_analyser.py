"""The analyser of FTP in the chain: batches, flows, counters, what it costs where there is no FTP."""

import struct
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests import pipeline_in_process
from tests.conftest import OWN_CAPTURES
from tests.pipeline_in_process import FIVE_TUPLE, class_of, frames_of, measure
from tmon_common.config.model import SECOND, Analysis, Filter, FlowClass, GranularFlow, Predicate
from tmon_common.observations import FTP_COUNTERS
from tmon_probe.child.analysers.ftp import Ftp
from tmon_probe.demand import FTP_CONTROL, Demand, Fragments
from tmon_probe.father.sieve import compile_sieve

WEST = OWN_CAPTURES / "demo" / "west.pcap"
HOSTS = GranularFlow("hosts", frozenset(("src_addr", "dst_addr")))
CONTROL = Filter((Predicate("port", ranges=((21, 21),)),))
DIALOGUE = ("command", "path", "user", "mode", "data_port", "outcome", "reply_code", "restart_offset", "start")
COUNTED = [n for n in FTP_COUNTERS.dtype.names if n not in ("flow", "start", "end")]


def _class(*flows: GranularFlow, name: str = "ftp", interval_ns: int = 10 * SECOND, **options: str) -> FlowClass:
    return FlowClass(name, Filter(), flows or (FIVE_TUPLE,), (Analysis("ftp", interval_ns, None, tuple(options.items())),))


def _transfers(measured) -> list[dict]:
    return sorted(measured.records("ftp_transfer"), key=lambda r: (r["start"], r["transfer"], r["flow"]))


def _totals(measured) -> dict[str, int]:
    return {name: sum(r[name] for r in measured.records("ftp_counters")) for name in COUNTED}


def test_demand():
    """Whole fragments, what goes to and from port 21, and data connections as the option says."""
    assert Demand(Fragments.WHOLE, (FTP_CONTROL,), "all") == Ftp.demand(Analysis("ftp"))
    assert "boundaries" == Ftp.demand(Analysis("ftp", options=(("mode", "boundaries"),))).ftp_data


@pytest.mark.parametrize("slots", [64, 777])
def test_batches_of_any_length(slots):
    """However the packets fall into batches, the rows are the same."""
    whole, cut = measure(WEST, (_class(),)), measure(WEST, (_class(),), ring_slots=slots)
    assert _transfers(whole) == _transfers(cut)
    assert _totals(whole) == _totals(cut)


def test_rows_for_each_granular_flow():
    """Two granular flow definitions of a class: each transfer has a row in a flow of either, and so has each count."""
    both = measure(WEST, (_class(FIVE_TUPLE, HOSTS),))
    single = measure(WEST, (_class(),))
    rows = Counter(r["transfer"] for r in _transfers(both))
    assert {2} == set(rows.values())
    assert len(rows) == len(_transfers(single))
    assert {name: 2 * value for name, value in _totals(single).items()} == _totals(both)
    flows = {(int(d["flow"])) for d in both.definitions.values()}
    assert {r["flow"] for r in _transfers(both)} <= flows


def test_two_classes():
    """Classes are apart; sessions and transfers have numbers of their own in all of them."""
    measured = measure(WEST, (_class(), _class(name="other")))
    rows = _transfers(measured)
    assert len(rows) == len({r["transfer"] for r in rows}) == 2 * len(_transfers(measure(WEST, (_class(),))))


def test_one_row_for_a_flow_and_interval():
    """Rows of ftp_counters are those of aligned intervals, and each is there once."""
    rows = measure(WEST, (_class(HOSTS, interval_ns=2 * SECOND),)).records("ftp_counters")
    assert len(rows) == len({(r["flow"], r["start"]) for r in rows})
    assert {(0, 2 * SECOND)} == {(r["start"] % (2 * SECOND), r["end"] - r["start"]) for r in rows}


@pytest.mark.parametrize("mode", ["all", "boundaries"])
def test_control_connections_alone(monkeypatch, mode):
    """A class of port 21 only: the data connections come by the peers that the father remembers, the rows are the same."""
    narrow = replace(_class(mode=mode), filter=CONTROL)
    monkeypatch.setattr(pipeline_in_process, "trivial_sieve", lambda _: compile_sieve([CONTROL], {}))
    measured = measure(WEST, (narrow,))
    assert 0 < measured.tally["ftp_data"] < measured.tally["relevant"]
    monkeypatch.undo()
    whole = _transfers(measure(WEST, (_class(),)))
    names = [n for n in whole[0] if mode == "all" or n in DIALOGUE] + ["octets"]
    aborted = {r["transfer"] for r in whole if r["outcome"] == "aborted"}  # boundaries do not tell what lies beyond the last one
    expected, found = ([{n: r[n] for n in names if n != "flow"} for r in rows if mode == "all" or r["transfer"] not in aborted]
                       for rows in (whole, _transfers(measured)))
    assert expected == found


def test_beside_connections_that_are_followed_by_boundaries():
    """Where `Connections` passes over the data of control connections, their dialogues are the same."""
    boundaries = Analysis("tcp_connection", 10 * SECOND, None, (("mode", "boundaries"),))
    plain = _class(mode="boundaries")
    both = replace(plain, analyses=(boundaries, *plain.analyses))
    whole, passed_over = ([{n: r[n] for n in DIALOGUE} for r in _transfers(measure(WEST, (c,)))] for c in (plain, both))
    assert whole
    assert [{**r, "outcome": None} for r in whole] == [{**r, "outcome": None} for r in passed_over]


def _fragmented(octets: bytes) -> list[bytes]:
    """An Ethernet frame with IPv4 (behind VLAN tags) to or from port 21 in three fragments, the last one first; others whole."""
    at = 12
    while octets[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    ip = at + 2
    if octets[at:ip] != b"\x08\x00" or octets[ip] != 0x45 or octets[ip + 9] != 6:
        return [octets]
    body = octets[ip + 20 : ip + int.from_bytes(octets[ip + 2 : ip + 4])]
    if 21 not in (int.from_bytes(body[:2]), int.from_bytes(body[2:4])) or len(body) < 49:
        return [octets]
    parts = []
    for start, stop in ((0, 40), (40, 48), (48, len(body))):
        header = bytearray(octets[ip : ip + 20])
        header[2:4] = (20 + stop - start).to_bytes(2)
        header[4:6] = (int.from_bytes(body[4:8]) & 0xFFFF).to_bytes(2)
        header[6:8] = ((0x2000 if stop < len(body) else 0) | start // 8).to_bytes(2)
        parts.append(octets[:ip] + bytes(header) + body[start:stop])
    return parts[::-1]


def test_fragmented_control_connections(tmp_path):
    """Packets of control connections in fragments, in any order, are read as if they were whole."""
    pcap = bytearray(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
    count = 0
    for frame in frames_of(WEST):
        pieces = _fragmented(frame.octets)
        count += len(pieces) > 1
        for piece in pieces:
            seconds, nanoseconds = divmod(frame.time_ns, SECOND)
            pcap += struct.pack("<IIII", seconds, nanoseconds, len(piece), len(piece)) + piece
    (tmp_path / "fragmented.pcap").write_bytes(pcap)
    assert count > 100
    whole, cut = ([{**row, "flow": None} for row in _transfers(measure(path, (_class(),)))]  # numbered otherwise: fragments that
                  for path in (WEST, tmp_path / "fragmented.pcap"))  # come before the first have flows of their own
    assert whole == cut


def test_few_sessions():
    """With room for few sessions the oldest go, and that is counted and worth an event."""
    measured = measure(WEST, (_class(max_sessions="16"),))
    assert "analysis_gave_up" == measured.chain.alerts["ftp_sessions_evicted"]
    counters = measured.chain.counters()
    assert (0, 0) == (counters["ftp_sessions"], counters["ftp_transfers_open"])


def test_counters_are_constant():
    """The names of counters are there before the first packet, and stay."""
    chain = measure(WEST, (_class(),)).chain
    assert {"ftp_sessions", "ftp_sessions_evicted", "ftp_transfers", "ftp_transfers_open", "ftp_lines_skipped", "ftp_gaps",
            "ftp_data_unmatched"} <= set(chain.counters())


def test_beside_other_analyses():
    """The counters of a class are not changed by FTP being analysed beside them."""
    counting = class_of()
    alone = measure(WEST, (counting,)).per_flow("tcp_counters")
    beside = measure(WEST, (replace(counting, analyses=(*counting.analyses, *_class().analyses)),)).per_flow("tcp_counters")
    assert {k: v for k, v in alone.items() if any(v.values())} == {k: v for k, v in beside.items() if any(v.values())}
    assert np.sum([v["segments"] for v in alone.values()])
