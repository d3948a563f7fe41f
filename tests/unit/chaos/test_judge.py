"""The judge of chaos is judged: it finds what is missing, twice there, altered or strange, and nothing where all is well."""

import csv
import json
import struct

import pytest

from tests.chaos.judge import Result, driven
from tests.chaos.numbered import KINDS, number_of, numbered, unaltered
from tests.unit.collector.make import gathered
from tmon_collector.csv_text import csv_header
from tmon_common.events import event
from tmon_common.events.rows import rows_of
from tmon_common.observations import EVENT, IP_COUNTERS
from tmon_common.pdu.header import probe_number

ROWS = 40
RUN = 7  # as `gathered` says
GAP_NS = 3_000_000


def recorded(directory, *, drop=(), again=(), change=None, given_up=0, settled=0):
    """What a driver and a collector leave: ROWS rows of each kind, spoiled as told."""
    spool = directory / "spool"
    spool.mkdir()
    for kind in KINDS:
        rows = numbered(kind, 0, ROWS)
        lines = gathered(kind, rows.words, rows.strings).splitlines(keepends=True)
        if kind is IP_COUNTERS:
            lines = [line for n, line in enumerate(lines) if n not in drop] + [lines[n] for n in again]
            if change is not None:
                lines[change] = lines[change][:-2] + (b"1\n" if lines[change].endswith(b"0\n") else b"0\n")
        (spool / f"{kind.name}.collector.x.csv").write_bytes(csv_header(kind) + b"".join(lines))
    told = [event("observations_given_up", 0, "collector", kind="ip_counters", rows=1, cause="queue full")] * given_up
    if rows := rows_of(told, "chaos", "child"):
        with (spool / "event.collector.x.csv").open("ab") as file:
            file.write(gathered(EVENT, rows.words, rows.strings))
    added = {kind.name: ROWS for kind in KINDS}
    base = {"probe": "probe", "run": RUN, "retries": 0, "adding": False}
    lines = [{**base, "idle": True, "added": dict.fromkeys(added, settled)}, {**base, "idle": False, "added": added}]
    (directory / "probe.0.ledger").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (directory / "probe.0.sends").write_text("0 100\n3000000 100\n")


def verdict(directory, killed=(), **how):
    recorded(directory, **how)
    result = Result()
    driven(result, directory, ["probe.0"], list(killed))
    return result


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_numbered_rows_are_recognised_after_their_way_through_pdus_and_files(kind):
    """Number and contents; those of another number are not taken for it."""
    rows = numbered(kind, 1000, ROWS)
    text = csv_header(kind) + gathered(kind, rows.words, rows.strings)
    read = list(csv.DictReader(text.decode().splitlines()))
    assert list(range(1000, 1000 + ROWS)) == [number_of(kind, row) for row in read]
    assert all(unaltered(kind, row, number_of(kind, row)) for row in read)
    assert not any(unaltered(kind, row, number_of(kind, row) + 1) for row in read)


def test_all_is_well(tmp_path):
    result = verdict(tmp_path)
    assert (result.faults, result.added, result.found, result.called_gap_ns) == ([], 4 * ROWS, 4 * ROWS, GAP_NS)


@pytest.mark.parametrize(("how", "fault"), [
    ({"drop": (3, 5)}, "2 rows of ip_counters lost, 0 declared"),
    ({"given_up": 1}, "0 rows of ip_counters lost, 1 declared"),
    ({"drop": (3,), "given_up": 2}, "1 rows of ip_counters lost, 2 declared"),
    ({"again": (4, 4)}, "2 duplicates"),
    ({"change": 6}, "1 rows altered"),
    ({"drop": (3, 30), "settled": 20, "killed": ("probe.0",)}, "1 rows of ip_counters lost though they were settled"),
])
def test_what_is_not_as_promised_is_found(tmp_path, how, fault):
    assert any(fault in told for told in verdict(tmp_path, **how).faults)


@pytest.mark.parametrize("how", [{"drop": (3, 5), "given_up": 2}, {"drop": (30,), "settled": 20, "killed": ("probe.0",)}])
def test_what_is_declared_or_died_with_its_probe_is_no_fault(tmp_path, how):
    assert verdict(tmp_path, **how).faults == []


@pytest.mark.parametrize(("gap_ns", "faults"), [(3_000_000, 0), (2_999_000, 0), (2_990_000, 1), (1000, 1)])
def test_the_gap_on_the_wire_is_that_of_the_recorder(tmp_path, gap_ns, faults):
    """But for what its clock may be slewed; other probes' datagrams in between do not count."""
    frame = bytes(12) + b"\x08\x00" + struct.pack("!BBHHHBBH", 0x45, 0, 60, 1, 0, 64, 17, 0) + bytes(8) + struct.pack(
        "!HHHH", 9777, 9777, 40, 0)
    ours, other = (frame + bytes(4) + probe_number(name).to_bytes(4) + bytes(24) for name in ("probe", "other"))
    with (tmp_path / "wire.pcap").open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for octets, at_ns in ((ours, 0), (other, 500), (ours, 4_000_000), (ours, 4_000_000 + gap_ns)):
            file.write(struct.pack("<IIII", 1_700_000_000, at_ns, len(octets), len(octets)) + octets)
    result = Result()
    result.judge_wire(tmp_path, ["probe"], GAP_NS)
    assert (len(result.faults), result.pdus, result.wires[0].octets, result.wire_gap_ns) == (faults, 3, 180, gap_ns)


def test_rows_of_nobody_are_found(tmp_path):
    recorded(tmp_path)
    (tmp_path / "probe.0.ledger").write_text((tmp_path / "probe.0.ledger").read_text().replace('"run": 7', '"run": 8'))
    result = Result()
    driven(result, tmp_path, ["probe.0"], [])
    assert any("rows that nobody added" in fault for fault in result.faults)
