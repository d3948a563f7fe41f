"""The daily volumes as a program, on a recording of real FTP clients and servers."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.conftest import OWN_CAPTURES
from tests.oracles import tshark
from tests.unit.store.spool_files import ask, row_of, write_file
from tmon_store.load import load_spool

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "trafmon_volumes.py"
WEST = OWN_CAPTURES / "demo" / "west.pcap"
DAY = "2026-11-22"
LIMIT_S = 300


def volumes(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], check=False, capture_output=True, text=True, cwd=ROOT,
                          timeout=LIMIT_S)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """The database of the recording, summed up."""
    out = tmp_path_factory.mktemp("recorded")
    analyse = [sys.executable, "-m", "trafmon", "analyse", WEST, "--out", out]
    subprocess.run(analyse, check=True, capture_output=True, timeout=LIMIT_S)
    database = next(out.glob("*.duckdb"))
    done = volumes("-c", out / "none.xml", "--database", database, "--day", DAY)
    assert (done.returncode, done.stderr) == (0, "")
    return database


def tshark_ftp_octets() -> dict[tuple[str, str], int]:
    """IP octets of every TCP connection in which tshark sees FTP or its data, by (client, server)."""
    fields = ["tcp.stream", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "ip.len", "ipv6.plen", "_ws.col.Protocol", "tcp.dstport"]
    text = subprocess.run(["tshark", "-n", "-r", WEST, "-Y", "tcp && !icmp && !icmpv6", "-T", "fields", "-E", "occurrence=f",
                           *(word for f in fields for word in ("-e", f))], check=True, capture_output=True, text=True).stdout
    streams: dict[str, int] = {}
    ends: dict[str, set[str]] = {}
    ftp, servers = set(), set()
    for line in text.splitlines():
        stream, src, src6, dst, dst6, length, payload, protocol, port = line.split("\t")
        streams[stream] = streams.get(stream, 0) + (int(length) if length else int(payload) + 40)
        ends.setdefault(stream, set()).update((src or src6, dst or dst6))
        if protocol.startswith("FTP"):
            ftp.add(stream)
            if port == "21":
                servers.add(dst or dst6)
    found: dict[tuple[str, str], int] = {}
    for stream in ftp:
        (server,) = ends[stream] & servers
        (client,) = ends[stream] - servers
        found[client, server] = found.get((client, server), 0) + streams[stream]
    return found


@pytest.mark.oracle
@pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)
def test_ftp_is_what_tshark_calls_so(recorded):
    """Control connections and data connections, passive ones from a high port to another included, to the octet."""
    rows = ask(recorded, "SELECT host, peer, host_role, sum(octets_out + octets_in)::BIGINT FROM volume_1day"
                         " WHERE service = 'ftp' AND flow_class = 'all' GROUP BY ALL")
    assert {(h, p) if role == "client" else (p, h): n for h, p, role, n in rows} == tshark_ftp_octets()


def test_all_that_was_counted_is_there(recorded):
    """By hour and by day, packets and octets."""
    counted = ask(recorded, "SELECT sum(packets_sum + packets_rev_sum), sum(octets_sum + octets_rev_sum) FROM ip_counters_1min")
    for table in ("volume_1h", "volume_1day"):
        assert counted == ask(recorded, f"SELECT sum(packets_out + packets_in), sum(octets_out + octets_in) FROM {table}")


@pytest.fixture
def small(tmp_path) -> Path:
    """A database with a flow on three days."""
    write_file(tmp_path, "flow_definition", [row_of("flow_definition", flow=1, protocol=6, src_port=40000, dst_port=80)])
    write_file(tmp_path, "ip_counters", [
        row_of("ip_counters", flow=1, start=(1_700_006_400 + n * 86400) * 10**9, octets=100, packets=1) for n in range(3)])
    load_spool(tmp_path, tmp_path / "t.duckdb")
    return tmp_path / "t.duckdb"


def test_days_from_to(small):
    """One line per day; done again, nothing changes."""
    expected = "".join(f"trafmon_volumes: 2023-11-{n} (probe): 1 rows, 1 packets, 100 octets\n" for n in (15, 16))
    for _ in range(2):
        done = volumes("-c", small.parent / "none.xml", "--database", small, "--from", "2023-11-15", "--to", "2023-11-16")
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    assert ask(small, "SELECT count(*), sum(octets_out) FROM volume_1day") == [(2, 200)]


def test_quiet(small):
    """A line for the days that have volumes, so cron sends no mail of empty ones."""
    done = volumes("-q", "-c", small.parent / "none.xml", "--database", small, "--from", "2023-11-12", "--to", "2023-11-15")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "trafmon_volumes: 2023-11-15 (probe): 1 rows, 1 packets, 100 octets\n"


def test_yesterday(small):
    """Without a day: yesterday's, and nothing of a year ago."""
    done = volumes("-c", small.parent / "none.xml", "--database", small, "--netflow")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1
    assert "(netflow): 0 rows" in done.stdout


@pytest.mark.parametrize(("arguments", "status", "reason"), [
    (["--day", "2023-11-15", "--database", "nowhere.duckdb"], 1, "nowhere.duckdb: there is no database yet; the loader makes it"),
    (["--day", "2023-13-15"], 2, "invalid day value"),
    (["--day", "0001-01-01"], 2, "invalid day value"),
    (["--from", "2023-11-15"], 2, "both --from and --to"),
    (["--day", "2023-11-15", "--from", "2023-11-15", "--to", "2023-11-16"], 2, "both --from and --to"),
    (["--from", "2023-11-16", "--to", "2023-11-15"], 2, "give the earlier day first"),
    (["--day", "2023-11-15"], 2, "none.xml"),
])
def test_what_cannot_be_done_is_told(tmp_path, arguments, status, reason):
    """One line says why; no traceback."""
    done = volumes("-c", tmp_path / "none.xml", *arguments)
    assert done.returncode == status
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_none(tmp_path):
    """A file of something else."""
    path = tmp_path / "x.duckdb"
    path.write_text("no database " * 1000)
    done = volumes("-c", tmp_path / "none.xml", "--database", path, "--day", "2023-11-15")
    assert done.returncode == 1
    assert done.stderr.startswith(f"trafmon_volumes: {path}: cannot open the database")


def test_on_a_server(mariadb, tmp_path):
    """The configuration names the server and the classes; a database that is not there is not made."""
    where = mariadb.store()
    config = tmp_path / "tmon.xml"
    text = (ROOT / "etc" / "xml" / "minimal.xml").read_text()
    store = (f'<store backend="mysql" database="{where.database}"><server socket="{mariadb.socket}" option_file="{mariadb.options}"'
             f' group="{where.server.group}"/><volumes flow_class="all"/></store>')
    config.write_text(text.replace("</trafmon>", f"{store}</trafmon>"))
    missing = volumes("-c", config, "--day", "2023-11-15")
    assert missing.returncode == 1
    assert where.database in missing.stderr
    assert mariadb.sql(f"SHOW DATABASES LIKE '{where.database}'") == []
    write_file(tmp_path, "flow_definition", [
        row_of("flow_definition", flow=n, flow_class=c) for n, c in ((1, "all"), (2, "other"))])
    write_file(tmp_path, "ip_counters", [row_of("ip_counters", flow=n, octets=100, packets=1) for n in (1, 2)])
    load_spool(tmp_path, where)
    done = volumes("-c", config, "--day", date(2023, 11, 14))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "trafmon_volumes: 2023-11-14 (probe): 1 rows, 1 packets, 100 octets\n"
    partitions = ("SELECT count(*) FROM information_schema.partitions"
                  f" WHERE table_name IN ('volume_1h', 'volume_1day', 'ftp_data_flow') AND table_schema = '{where.database}'")
    before = mariadb.sql(partitions)
    done = volumes("-c", config, "--from", "2022-01-01", "--to", "2022-02-28")
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 59)
    assert mariadb.sql(partitions) == before, "days without traffic take no room: a table has 2,000 partitions"
