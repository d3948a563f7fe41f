"""scripts/demo, as the README says it is run, on the recording that the project brings."""

import csv
import subprocess
from pathlib import Path

import duckdb
import pytest

from tests.conftest import OWN_CAPTURES, REPOSITORY
from tests.pipeline.test_analyse import ip_totals

OUT = REPOSITORY / "demo-out"
LIMIT_S = 300


@pytest.fixture(scope="module")
def shown() -> str:
    result = subprocess.run([REPOSITORY / "scripts" / "demo"], check=False, capture_output=True, text=True, timeout=LIMIT_S)
    assert 0 == result.returncode, result.stderr
    return result.stdout


def class_all(probe: str) -> tuple[int, int]:
    """Packets and octets of the class `all` that a probe put into the CSV files."""
    defined = {(r["run"], r["flow"]) for r in _rows("flow_definition") if (r["probe"], r["flow_class"]) == (probe, "all")}
    counted = [r for r in _rows("ip_counters") if r["probe"] == probe and (r["run"], r["flow"]) in defined]
    return tuple(sum(int(r[c]) + int(r[f"{c}_rev"]) for r in counted) for c in ("packets", "octets"))


def _rows(kind: str) -> list[dict[str, str]]:
    return [row for path in Path(OUT, "spool").glob(f"{kind}.*.csv") for row in csv.DictReader(path.open(newline=""))]


@pytest.mark.parametrize("probe", ["west", "east"])
def test_both_probes_deliver_every_packet(shown, probe):
    """What dpkt counts in the recording of that end of the link."""
    assert ip_totals(OWN_CAPTURES / "demo" / f"{probe}.pcap") == class_all(probe)


def test_the_result_is_shown(shown):
    """Flows, classes, protocols, talkers, and where the files are."""
    for text in ("Flows found", "Traffic per flow class", "Traffic per protocol", "Top talkers", "ftp_control",
                 "demo-out/spool/", "demo-out/trafmon.duckdb"):
        assert text in shown


def test_the_database_has_both_ends(shown):
    """One flow table for both probes."""
    with duckdb.connect(str(OUT / "trafmon.duckdb"), read_only=True) as store:
        assert [("east",), ("west",)] == store.execute("SELECT DISTINCT probe FROM flow ORDER BY probe").fetchall()
