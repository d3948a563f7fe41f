"""Files of nfdump, of older and newer versions."""

import io
import os
import time

import pytest

from tmon_collector.netflow import nfdump_csv
from tmon_collector.netflow.nfdump_csv import CsvError, read

OLD = "ts,te,td,sa,da,sp,dp,pr,flg,ipkt,ibyt,opkt,obyt,ra\n"
NEW = "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows\n"
MAY_MS = 1_714_557_600_000  # 2024-05-01 10:00:00 UTC


@pytest.fixture(autouse=True)
def zone(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def taken(text):
    parts = list(read(io.BytesIO(text.encode())))
    flows = [f for part in parts for f in part.flows]
    return flows, [e for part in parts for e in part.exporters], [b for part in parts for b in part.bad]


def values(flow):
    return tuple(int(flow[n]) for n in ("start_ms", "end_ms", "protocol", "src_port", "dst_port", "packets", "octets"))


def test_up_to_1_7_2():
    """With what came back, and the router; the summary at the end is none."""
    flows, exporters, bad = taken(
        OLD + "2024-05-01 10:00:00.250,2024-05-01 10:00:02,1.75,10.0.0.1,2001:db8::2,4000,53,UDP,...,3,100,0,0,192.0.2.1\n"
        "2024-05-01 10:00:00,2024-05-01 10:00:02,2,10.0.0.1,10.0.0.2,0,8.0,ICMP,...,3,100,2,60,192.0.2.2\n"
        "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n2,200,6,1,1,1")
    assert [(MAY_MS + 250, MAY_MS + 2000, 17, 4000, 53, 3, 100), (MAY_MS, MAY_MS + 2000, 1, 0, -1, 3, 100),
            (MAY_MS, MAY_MS + 2000, 1, -1, 0, 2, 60)] == [values(f) for f in flows]
    assert ["192.0.2.1", "192.0.2.2", "192.0.2.2"] == exporters
    assert [0xFFFF_0A00_0001, 0xFFFF_0A00_0001, 0xFFFF_0A00_0002] == [int(f["src_addr"][1]) for f in flows]
    assert bad == []


def test_from_1_7_3_on():
    """With a duration; no router."""
    flows, exporters, bad = taken(NEW + "2024-05-01 10:00:00.250,1.750,6,10.0.0.1,4000,10.0.0.2,80,3,100,1\n")
    assert [(MAY_MS + 250, MAY_MS + 2000, 6, 4000, 80, 3, 100)] == [values(f) for f in flows]
    assert ([""], []) == (exporters, bad)


def test_bad_lines_do_not_stop_the_rest():
    """Each is told by its number and what is wrong; good ones count."""
    good = "2024-05-01 10:00:00,1,6,10.0.0.1,4000,10.0.0.2,80,3,100,1\n"
    flows, _, bad = taken(NEW + good + good.replace("10.0.0.1", "10.0.0.256") + "\n" + good.replace(",100,", ",1.2 M,") + "a,b\n"
                          + good.replace("2024-05-01", "yesterday") + good.replace(",6,", ",NOSUCH,") + good)
    assert len(flows) == 2
    assert [(3, "no address '10.0.0.256'"), (5, "no count '1.2 M'"), (6, "2 columns, expected 10"),
            (7, "no time 'yesterday 10:00:00'"), (8, "no protocol 'NOSUCH'")] == bad


@pytest.mark.parametrize("text", ["", "\n", "a,b,c\n", OLD.replace("sa,da", "sa,sa"), OLD.replace("ibyt", "x"), "\xff\xfe\n"])
def test_what_is_no_such_file(text):
    with pytest.raises(CsvError, match="its first line"):
        taken(text)


def test_in_pieces(monkeypatch):
    """Wherever the pieces end, the lines are the same, and the numbers of bad ones."""
    lines = [f"2024-05-01 10:00:00,1,6,10.0.0.1,4000,10.0.0.2,80,3,{'x' if i == 7 else 100 + i},1\n" for i in range(12)]
    text = NEW + "".join(lines) + "Summary\nflows\n"
    for octets in (1, 7, 50, 64, 700):
        monkeypatch.setattr(nfdump_csv, "CHUNK_OCTETS", octets)
        flows, _, bad = taken(text)
        assert [100 + i for i in range(12) if i != 7] == [int(f["octets"]) for f in flows]
        assert [(9, "no count 'x'")] == bad


def test_local_times():
    """Those of this process's zone, summer and winter; with Z, or seconds since 1970: as they are."""
    os.environ["TZ"] = "Europe/Brussels"
    time.tzset()
    flows, _, _ = taken(NEW + "".join(f"{t},0,6,10.0.0.1,4000,10.0.0.2,80,3,100,1\n" for t in (
        "2024-05-01 12:00:00", "2024-12-01 12:00:00", "2024-05-01T10:00:00Z", "1714557600.5")))
    assert [MAY_MS, 1_733_050_800_000, MAY_MS, MAY_MS + 500] == [int(f["start_ms"]) for f in flows]
