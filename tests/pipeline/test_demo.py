"""scripts/demo, as the README says it is run, on the recording that the project brings."""

import csv
import subprocess
from collections import Counter
from functools import cache
from ipaddress import ip_address
from pathlib import Path

import duckdb
import pytest

from tests.conftest import OWN_CAPTURES, REPOSITORY
from tests.oracles import one_way_link
from tests.oracles.demo_link import operations
from tests.oracles.demo_tcp import connections, volume
from tests.oracles.ftp_client_log import LISTINGS, Said, transfers_said
from tests.oracles.one_way_packets import nanoseconds
from tests.pipeline.test_analyse import ip_totals

OUT = REPOSITORY / "demo-out"
LIMIT_S = 300
PROBES = ("west", "east")
FTP_KINDS = ("ftp_get", "ftp_put", "ftp_list", "ftp_resume", "ftp_login", "ftp_abort", "ftp_session")
OUTCOMES = {"ok": "completed", "aborted": "aborted"}
"""Result of an operation -> outcome of its transfers."""
NOT_HEARD = 426
"""What vsftpd says (RFC 959 section 4.2.1) when the client that it sends to has gone away."""


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


def transfers(probe: str) -> dict[tuple[str, int], dict[str, str]]:
    """Rows of ftp_transfer by client and port of the data connection; no such pair is used twice in the recording."""
    rows = [r for r in _rows("ftp_transfer") if r["probe"] == probe]
    found = {(r["client_addr"], int(r["data_port"])): r for r in rows}
    assert len(rows) == len(found)
    return found


@cache
def noted() -> dict[tuple[str, int], tuple[dict, Said]]:
    """The same of what the clients noted: (operation, transfer)."""
    return {(o["src_addr"], said.data_port): (o, said) for o in operations(*FTP_KINDS) for said in transfers_said(o["dialogue"])}


def octets_noted(operation: dict, said: Said) -> int | None:
    """By the client; in a session of several transfers what the server announced, and the rest for what was stored."""
    if operation["kind"] == "ftp_abort":
        return None
    if operation["kind"] != "ftp_session":
        return operation["octets"]
    if said.command == "STOR":
        return operation["octets"] - sum(s.octets for s in transfers_said(operation["dialogue"]) if s.octets)
    return said.octets


def octets_passed(probe: str, operation: dict, said: Said) -> int:
    """Of the data connection, each once, as it passed that tap by the log of the link."""
    [(ends, connection)] = [(e, c) for e, c in connections(probe).items() if e.server_port == said.data_port]
    client_opened = ends.client_addr == ip_address(operation["src_addr"])
    return volume(connection.sent(client_opened == (said.command != "STOR"))).unique_octets


def _rows(kind: str) -> list[dict[str, str]]:
    return [row for path in Path(OUT, "spool").glob(f"{kind}.*.csv") for row in csv.DictReader(path.open(newline=""))]


@pytest.mark.parametrize("probe", PROBES)
def test_both_probes_deliver_every_packet(shown, probe):
    """What dpkt counts in the recording of that end of the link."""
    assert ip_totals(OWN_CAPTURES / "demo" / f"{probe}.pcap") == class_all(probe)


def test_the_result_is_shown(shown):
    """Flows, classes, protocols, talkers, round trips, connections, transfers, and where the files are."""
    for text in ("Flows found", "Traffic per flow class", "Traffic per protocol", "Top talkers", "ftp_control", "Round trips",
                 "TCP connections", "Largest FTP transfers", "large.bin", "demo-out/spool/", "demo-out/trafmon.duckdb"):
        assert text in shown


def test_the_database_has_both_ends(shown):
    """One flow table for both probes."""
    with duckdb.connect(str(OUT / "trafmon.duckdb"), read_only=True) as store:
        assert [("east",), ("west",)] == store.execute("SELECT DISTINCT probe FROM flow ORDER BY probe").fetchall()


def test_every_packet_is_followed_over_the_link(shown):
    """Its times at both ends, or where it was lost: as the link's log has it. Nothing else is found."""
    expected = Counter((p.verdict, p.times_ns) for p in one_way_link.followed())
    found = Counter((r["verdict"], tuple(nanoseconds(r[f"time_at_{n:02d}"]) for n in (1, 2))) for r in _rows("one_way_packet"))
    assert expected == found
    counted = _rows("one_way_counters")
    sums = {c: sum(int(r[c]) for r in counted) for c in ("packets", "lost", "duplicates")}
    lost = sum(p.verdict == "lost" for p in one_way_link.followed())
    assert {"packets": expected.total(), "lost": lost, "duplicates": one_way_link.duplicated()} == sums



# FTP


@pytest.mark.parametrize("probe", PROBES)
def test_every_ftp_transfer_is_found(shown, probe):
    """Who, what, how, how it ended: as the dialogue that the client printed has it. Nothing else is found."""
    expected = {key: (o["dst_addr"], "21", said.user, said.command, said.path, said.mode, str(said.restart_offset),
                      OUTCOMES[o["result"]], str(said.reply_code or NOT_HEARD))
                for key, (o, said) in noted().items()}
    assert len(expected) > 25
    columns = ("server_addr", "server_port", "user", "command", "path", "mode", "restart_offset", "outcome", "reply_code")
    found = {key: tuple(r[column] for column in columns) for key, r in transfers(probe).items()}
    assert expected == found


@pytest.mark.parametrize("probe", PROBES)
def test_sizes_of_ftp_transfers_are_exact(shown, probe):
    """What the client counted; and, of aborted ones and listings too, the octets that passed the tap by the log of the link."""
    for key, row in transfers(probe).items():
        operation, said = noted()[key]
        assert octets_passed(probe, operation, said) == int(row["octets"]), (key, row)
        assert octets_noted(operation, said) in (None, int(row["octets"])), (key, row)
        if said.file_octets is not None:
            assert said.file_octets == int(row["announced_octets"])
    assert transfers("west").keys() == transfers("east").keys()
    assert {c for _, s in noted().values() if (c := s.command) in LISTINGS} == {"LIST", "NLST"}


@pytest.mark.parametrize("probe", PROBES)
def test_ftp_sessions_are_those_of_the_clients(shown, probe):
    """Transfers of one operation share a session, which has the port that curl noted; those of two do not."""
    sessions = {}
    for key, row in transfers(probe).items():
        operation, _ = noted()[key]
        assert operation.get("src_port") in (None, int(row["client_port"]))
        sessions.setdefault(operation["start_ns"], set()).add(row["session"])
    assert len(sessions) == len(set.union(*sessions.values())) == sum(map(len, sessions.values()))


@pytest.mark.parametrize("probe", PROBES)
def test_ftp_transfers_lie_within_their_operation(shown, probe):
    """Times of the probe against the clients' clock; the probe that is nearer to the server may see the last reply earlier."""
    for key, row in transfers(probe).items():
        operation, _ = noted()[key]
        assert operation["start_ns"] < nanoseconds(row["start"]) < nanoseconds(row["end"])
        if operation["result"] == "ok":
            assert nanoseconds(row["end"]) < operation["end_ns"]
            assert int(row["throughput"]) > 0


@pytest.mark.parametrize("probe", PROBES)
def test_ftp_counters_are_those_of_the_dialogues(shown, probe):
    """Sessions, logins, replies by class, transfers by outcome, octets."""
    rows = [r for r in _rows("ftp_counters") if r["probe"] == probe]
    total = {name: sum(int(r[name]) for r in rows) for name in (
        "sessions", "encrypted", "logins", "logins_refused", "retrievals_completed", "retrievals_aborted", "retrievals_failed",
        "stores_completed", "listings_completed", "octets_stored", "lines_skipped")}
    done = [(said.command, o["result"], o, said) for o, said in noted().values()]
    assert total == {
        "sessions": len(operations(*FTP_KINDS)), "encrypted": 0, "logins": len(operations(*FTP_KINDS)) - 1, "logins_refused": 1,
        "retrievals_completed": sum(command == "RETR" and result == "ok" for command, result, *_ in done),
        "retrievals_aborted": sum(result == "aborted" for _, result, *_ in done), "retrievals_failed": 0,
        "stores_completed": sum(command == "STOR" for command, *_ in done),
        "listings_completed": sum(command in LISTINGS for command, *_ in done),
        "octets_stored": sum(octets_noted(o, said) for command, _, o, said in done if command == "STOR"), "lines_skipped": 0}


def test_the_database_has_the_transfers_of_both_ends(shown):
    """As many as the CSV files; the same octets at both ends, where the link lost none that did not come again."""
    with duckdb.connect(str(OUT / "trafmon.duckdb"), read_only=True) as store:
        found = store.execute("SELECT probe, count(*), sum(octets) FILTER (outcome = 'completed') FROM ftp_transfer "
                              "JOIN flow USING (flow_key) GROUP BY probe ORDER BY probe").fetchall()
    completed = {p: sum(int(r["octets"]) for r in transfers(p).values() if r["outcome"] == "completed") for p in PROBES}
    assert [(p, len(noted()), completed[p]) for p in sorted(PROBES)] == found
    assert completed["west"] == completed["east"]


def test_no_password_is_kept(shown):
    """Neither in the files nor in the database nor in what is shown."""
    passwords = {o["command"][i + 1].split(":", 1)[1] for o in operations(*FTP_KINDS) for i, word in enumerate(o["command"])
                 if word == "--user"}
    assert {"guest@lab.example", "wrong"} == passwords
    texts = [shown, *(path.read_text("latin-1") for path in Path(OUT, "spool").glob("*"))]  # some hold no text
    with duckdb.connect(str(OUT / "trafmon.duckdb"), read_only=True) as store:
        for (table,) in store.execute("SELECT table_name FROM information_schema.tables").fetchall():
            texts.append(str(store.execute(f'SELECT * FROM "{table}"').fetchall()))
    assert [] == [password for password in passwords for text in texts if password in text]
