"""Reading a spool file: which rows are refused, with which line and reason, and that the quick way agrees with the careful one."""

import pytest

from tests.unit.store.spool_files import ask, row_of, text_of
from tmon_common.observations import KINDS, Column, Kind, Merge, Type
from tmon_store.load import load_spool
from tmon_store.read import read_file
from tmon_store.spool import SpoolFile

HEADER = ",".join(KINDS["ip_counters"].header)
GOOD = "p,1,7,1700000040.000000000,1700000100.000000000,3,0,300,0,0,0"


@pytest.fixture
def load(tmp_path):
    """Load the bytes of one ip_counters file; gives the report, the sum of packets and the lines of the reject file."""
    spool = tmp_path / "spool"
    spool.mkdir()
    name = "ip_counters.c1.20231114T221400Z.csv"

    def _load(data: bytes | str):
        (spool / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        report = load_spool(spool, tmp_path / "t.duckdb")
        reject = spool / "rejected" / f"{name}.reject"
        refused = reject.read_text(errors="replace").splitlines()[1:] if reject.exists() else []
        return report, ask(tmp_path / "t.duckdb", "SELECT coalesce(sum(packets_sum), 0)::INT FROM ip_counters_1min")[0][0], refused

    return _load


def changed(column: str, value: str) -> str:
    fields = GOOD.split(",")
    fields[KINDS["ip_counters"].header.index(column)] = value
    return ",".join(fields)


@pytest.mark.parametrize(("bad", "reason"), [
    (changed("packets", "x"), "packets: 'x' is not an integer"),
    (changed("packets", ""), "packets is empty"),
    (changed("packets", "1.5"), "packets: '1.5' is not an integer"),
    (changed("packets", "9007199254740993"), "packets: 9007199254740993 is beyond"),
    (changed("packets", "99999999999999999999"), "not an integer of 64 bits"),
    (changed("flow", ""), "flow is empty"),
    (changed("probe", ""), "probe is empty"),
    (changed("start", "yesterday"), "start: 'yesterday' is not a time"),
    (changed("start", "1e9"), "start: '1e9' is not a time"),
    (changed("start", "9999999999.000000000"), "is not a time"),
    (GOOD + ",1", "12 fields instead of 11"),
    (GOOD.rsplit(",", 1)[0], "10 fields instead of 11"),
    ("\x00", "1 fields instead of 11"),
    (changed("probe", '"a'), "not a row of CSV"),
    (changed("probe", '"a"b'), "not a row of CSV"),
])
def test_bad_rows_are_refused_and_the_rest_loads(load, bad, reason):
    """Line number and reason are told; rows before and after count."""
    report, packets, refused = load(f"{HEADER}\n{GOOD}\n{bad}\n{GOOD}\n")
    assert (report.rows, report.rejected, packets) == (2, 1, 6)
    assert refused[0].startswith("3,")
    assert reason in refused[0].replace('"', "").replace("''", "'") or reason in refused[0]


@pytest.mark.parametrize("data", [b"", b"\n", b"hello\n", b"\xff\xfe\x00", HEADER.encode(), b'"',
                                  HEADER.replace("flow,", "").encode() + b"\n1\n", HEADER.encode() + b",packets\n"])
def test_files_that_are_none_are_refused_whole(load, data):
    """Line 0 stands for the file; it is not looked at again."""
    report, packets, refused = load(data)
    assert (report.files, report.rows, report.rejected, packets) == (1, 0, 1, 0)
    assert refused[0].startswith("0,")
    assert load(data)[0].files == 0


def test_text_that_is_not_utf8_is_refused(load):
    """The row alone."""
    report, packets, refused = load(f"{HEADER}\n{GOOD}\n".encode() + b"\xff" + GOOD.encode() + b"\n")
    assert (report.rows, report.rejected, packets) == (1, 1, 3)
    assert "UTF-8" in refused[0]


def test_a_file_cut_in_mid_row(load):
    """What is before the cut loads; half a number is not taken for a number."""
    report, packets, refused = load(f"{HEADER}\n{GOOD}\n{GOOD[:-1]}")
    assert (report.rows, report.rejected, packets) == (1, 1, 3)
    assert "ends within" in refused[0]


def test_columns_of_other_versions(load):
    """Unknown columns are ignored with a warning, missing ones empty, any order."""
    header = "later,start,flow,run,probe,packets"
    report, packets, refused = load(f"{header}\nx,1700000040.5,7,1,p,3\nx,1700000041,7,1,p,4\n")
    assert (report.rows, packets, refused) == (2, 7, [])
    assert "later" in report.warnings[0]


@pytest.mark.parametrize("data", [
    f"\ufeff{HEADER}\n{GOOD}\n",
    f"{HEADER}\r\n{GOOD}\r\n",
    f"{HEADER}\n\n{GOOD}\n\n",
    f"{HEADER}\n{changed('probe', chr(34) + 'p' + chr(34))}\n",
    f"{HEADER}\n{changed('packets', ' +3')}\n",
    f"{HEADER}\n{changed('start', '1700000040')}\n",
    HEADER.replace("run", '"run"') + f"\n{GOOD}\n",
])
def test_harmless_variations_load(load, data):
    """Byte order mark, CRLF, blank lines, quotes, spaces, times without decimals."""
    report, packets, _ = load(data)
    assert (report.rows, report.rejected, packets) == (1, 0, 3)


def test_bad_address(tmp_path):
    """An address is checked although it is text in the database."""
    rows = [row_of("flow_definition", flow=i, src_addr=a) for i, a in enumerate(("10.0.0.1", "10.0.0.256", "::1", "::g", None))]
    header = KINDS["flow_definition"].header
    lines = [",".join(text_of("flow_definition", n, r[n]) for n in header) for r in rows]
    (tmp_path / "flow_definition.c.1.csv").write_text("\n".join([",".join(header), *lines]) + "\n")
    report = load_spool(tmp_path, tmp_path / "t.duckdb")
    assert (report.rows, report.rejected) == (3, 2)
    assert ask(tmp_path / "t.duckdb", "SELECT flow FROM flow ORDER BY flow") == [(0,), (2,), (4,)]


@pytest.mark.parametrize(("delay", "good"), [
    ("9007199.254740992", True), ("-9007199.254740992", True), ("", True), ("9007199.254740993", False),
    ("-9007199.254740993", False), ("9000000000.000000000", False)])
def test_samples_of_time_have_a_limit_too(tmp_path, delay, good):
    """2^53 ns, quickly read or carefully: sums of squares of longer ones would not fit."""
    kind = Kind("toy_delay", 0x8001, "of a plug-in", (
        *KINDS["ip_counters"].columns[:3], Column("delay", Type.DURATION, "a sample", merge=Merge.SAMPLE, nullable=True)))
    path = tmp_path / "toy_delay.c1.20231114T221400Z.csv"
    path.write_text(",".join(kind.header) + f"\np,1,7,1700000040.000000000,1700000100.000000000,{delay}\n")
    content = read_file(SpoolFile(path, kind.name, path.stat().st_size), kind, 1_700_000_040 * 10**9)
    assert (int(good), int(not good)) == (content.frame.height, len(content.rejections))
