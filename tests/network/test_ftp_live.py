"""FTP live: vsftpd, curl and lftp across a link that delays and loses; the probe names each file, and never a password."""

from collections import Counter
from functools import cache
from ipaddress import ip_address

import dpkt
import duckdb
import pytest

from tests.lab.ftp_clients import PASSWORD
from tests.lab.operations import Operation
from tests.lab.servers import FILES
from tests.linkemu import Direction, Fate, read_frame_log, why_unavailable
from tests.network.ftp_lab import KILLED_AFTER, LONG_OCTETS, S4, S6, WRONG_PASSWORD, Session, hold, missing
from tests.oracles.ftp_client_log import LISTINGS, MODES, Said, transfers_said

pytestmark = pytest.mark.network
LOST_AT_MOST_S = 60


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Session:
    if reason := why_unavailable() or missing():
        pytest.skip(reason)
    return hold(tmp_path_factory.mktemp("ftp"))


def numbered(items, address, port):
    """(address, port, how often these came before) -> item: a server may take a port for data again."""
    before, found = Counter(), {}
    for item in items:
        place = address(item), port(item)
        found[*place, before[place]] = item
        before[place] += 1
    return found


def said_by_clients(session: Session) -> dict[tuple[str, int, int], tuple[Operation, Said]]:
    """(client, port of the data connection, occurrence) -> operation and transfer, by what the client printed."""
    said = [(o, said) for o in sorted(session.operations, key=lambda o: o.start_ns) for said in transfers_said(o.facts["dialogue"])]
    return numbered(said, lambda s: s[0].src_addr, lambda s: s[1].data_port)


def found_by_probe(session: Session) -> dict[tuple[str, int, int], dict[str, str]]:
    rows = sorted(session.rows("ftp_transfer"), key=lambda r: int(r["transfer"]))
    return numbered(rows, lambda r: r["client_addr"], lambda r: int(r["data_port"]))


def row_of(session: Session, name: str, at: int = 0) -> dict[str, str]:
    """Of a named operation: its transfer number `at`."""
    said = [key for key, (operation, _) in said_by_clients(session).items() if operation is session.named[name]]
    return found_by_probe(session)[said[at]]


def test_every_transfer_is_found_as_its_client_tells_it(session):
    """Server, user, command, path, mode, port, restart offset, reply. Each once, and nothing else."""
    expected = {key: (o.dst_addr, said.user, said.command, said.path, said.mode, str(said.restart_offset))
                for key, (o, said) in said_by_clients(session).items()}
    columns = ("server_addr", "user", "command", "path", "mode", "restart_offset")
    assert expected == {key: tuple(r[c] for c in columns) for key, r in found_by_probe(session).items()}
    assert len(expected) == len(session.rows("ftp_transfer"))


def test_every_way_to_open_a_data_connection_was_used(session):
    """By both families, as far as they have it; in both directions and for listings."""
    ways = {(ip_address(o.dst_addr).version, said.mode, said.command) for o, said in said_by_clients(session).values()}
    modes = {(4, mode) for mode in MODES.values()} | {(6, MODES["EPSV"]), (6, MODES["EPRT"])}
    assert {(*mode, command) for mode in modes for command in ("RETR", "STOR")} <= ways
    assert {"LIST", "NLST"} <= {command for *_, command in ways}
    assert {S4, S6} == {o.dst_addr for o in session.operations}
    assert {"curl", "lftp"} == {o.program for o in session.operations}


def test_outcome_and_reply_are_what_the_clients_saw(session):
    """Completed with 226, refused with the code that the server gave, aborted where the client was killed."""
    def expected(operation: Operation, said: Said) -> tuple[str, int | None]:
        outcome = {"ok": "completed", "failed": "refused", "aborted": "aborted"}[operation.result]
        return outcome, said.reply_code

    for key, (operation, said) in said_by_clients(session).items():
        row, (outcome, code) = found_by_probe(session)[key], expected(operation, said)
        assert outcome == row["outcome"], row
        if code is not None:
            assert str(code) == row["reply_code"]


def test_octets_are_exact(session):
    """What the clients counted, and of files what the server announced."""
    compared = 0
    for key, (operation, said) in said_by_clients(session).items():
        octets = found_by_probe(session)[key]["octets"]
        if operation.result != "ok":
            continue
        if said.octets is not None:
            assert str(said.octets) == octets
        if operation.kind != "ftp_session":
            assert str(operation.facts["octets"]) == octets
        compared += 1
    assert compared > 25
    stored = [r["octets"] for r in session.rows("ftp_transfer") if r["command"] == "STOR" and r["path"].startswith("E")]
    assert stored
    assert {str(FILES["medium.bin"])} == set(stored)


def test_the_log_of_the_server_tells_the_same(session):
    """vsftpd logs every file it sent or got: client, name, octets, whether it was complete. Of aborted downloads it counts what it
    gave to its kernel, of which some may never have left."""
    logged, found = Counter(), Counter()
    for entry in session.logged:
        if entry.ok:
            logged[entry.client, entry.upload, entry.path.rpartition("/")[2], entry.octets] += 1
    for row in session.rows("ftp_transfer"):
        if row["reply_code"] == "226" and row["command"] not in LISTINGS:
            found[row["client_addr"], row["command"] != "RETR", row["path"].rpartition("/")[2], int(row["octets"])] += 1
    assert logged == found


# Clients that were killed


def test_a_download_whose_client_was_killed(session):
    """Aborted; at least what the client had written went by, at most what the server had sent."""
    for name in ("get_killed", "lftp_killed"):
        row, had = row_of(session, name), session.named[name].facts["octets"]
        assert KILLED_AFTER <= had <= int(row["octets"]) < LONG_OCTETS
        assert "aborted" == row["outcome"]
        assert str(LONG_OCTETS) == row["announced_octets"]
        assert ("", "1") == (row["resumes"], row["fragment"])


@pytest.mark.parametrize("name", ["get", "lftp"])
def test_a_resumed_download_is_joined_with_what_was_there(session, name):
    """The restart offset, the octets that were missing, and the whole file by both fragments."""
    first, second = row_of(session, f"{name}_killed"), row_of(session, f"{name}_resumed")
    had = session.named[f"{name}_killed"].facts["octets"]
    assert (str(had), str(LONG_OCTETS - had), "completed") == (second["restart_offset"], second["octets"], second["outcome"])
    assert (first["transfer"], "2", str(LONG_OCTETS)) == (second["resumes"], second["fragment"], second["file_octets"])


def test_an_upload_whose_client_was_killed_and_its_rest(session):
    """What the server had is told by its answer to SIZE, where the client goes on with APPE."""
    first, second = row_of(session, "put_killed"), row_of(session, "put_resumed")
    said = session.named["put_resumed"].facts["dialogue"]
    had = next(int(line.split()[2]) for line in said if line.startswith("< 213 "))
    assert KILLED_AFTER <= had < LONG_OCTETS
    assert ("STOR", "aborted", str(had)) == (first["command"], first["outcome"], first["octets"])
    assert ("APPE", "completed", str(LONG_OCTETS - had)) == (second["command"], second["outcome"], second["octets"])
    assert (first["transfer"], "2", str(LONG_OCTETS)) == (second["resumes"], second["fragment"], second["file_octets"])


def test_other_transfers_are_not_joined(session):
    """A file fetched twice is not resumed."""
    resumed = {row_of(session, f"{name}_resumed")["transfer"] for name in ("get", "put", "lftp")}
    for row in session.rows("ftp_transfer"):
        if row["transfer"] not in resumed:
            assert ("", "1") == (row["resumes"], row["fragment"])


# What was refused


def test_what_the_server_refused(session):
    """A file that is not there; a place where nobody may write. Nothing moved."""
    assert ("RETR", "refused", "550") == tuple(row_of(session, "missing")[c] for c in ("command", "outcome", "reply_code"))
    assert ("STOR", "refused", "553") == tuple(row_of(session, "forbidden")[c] for c in ("command", "outcome", "reply_code"))
    for name in ("missing", "forbidden"):
        assert row_of(session, name)["octets"] in ("", "0")


def test_counters_of_the_sessions(session):
    """Sessions, logins, one refused; no line was too long."""
    rows = session.rows("ftp_counters")
    count = len(session.operations)
    expected = {"sessions": count, "logins": count - 1, "logins_refused": 1, "encrypted": 0, "lines_skipped": 0,
                "retrievals_refused": 1, "stores_refused": 1}
    assert expected == {name: sum(int(r[name]) for r in rows) for name in expected}


# Connections


@cache
def opened(path) -> Counter:
    """(client, port, server, port) of each SYN, without repeated ones, in the recording of the link's west end."""
    found = set()
    with path.open("rb") as file:
        for _, octets in dpkt.pcap.Reader(file):
            packet = dpkt.ethernet.Ethernet(octets).data
            segment = getattr(packet, "data", None)
            if isinstance(segment, dpkt.tcp.TCP) and segment.flags & (dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK) == dpkt.tcp.TH_SYN:
                found.add((str(ip_address(packet.src)), segment.sport, str(ip_address(packet.dst)), segment.dport, segment.seq))
    return Counter(connection[:4] for connection in found)


def test_every_connection_has_its_row(session):
    """Control and data; those of the recording that the link itself made at the same place."""
    found = Counter((r["client_addr"], int(r["client_port"]), r["server_addr"], int(r["server_port"]))
                    for r in session.rows("tcp_connection"))
    assert opened(session.west_pcap) == found
    assert len(session.operations) == sum(n for (*_, port), n in found.items() if port == 21)


def test_control_connections_are_whole(session):
    """Seen from the SYN on, established, ended by FIN or, where the client was killed, by RST; or on the way to that, if the link
    lost the last FIN or its acknowledgement. Of a SYN sent twice the round trip may be anything."""
    for row in session.rows("tcp_connection"):
        if row["server_port"] == "21":
            assert ("1", True) == (row["from_start"], bool(row["established"]))
            assert row["ended_by"] in ("fin", "rst") or (row["ended_by"], bool(row["closed_by"])) == ("capture_end", True)
            assert float(row["handshake_server_rtt"]) < LOST_AT_MOST_S
            assert row["syn_segments"] != "1" or float(row["handshake_server_rtt"]) > 0.02
            assert float(row["handshake_client_rtt"]) >= 0


def test_octets_that_the_link_lost_were_sent_again(session):
    """At the west end: what a western client sent again had been lost eastwards, or its acknowledgement westwards."""
    lost = Counter(row.direction for row in read_frame_log(session.place / "frames.csv.gz") if row.fate is Fate.LOST)
    assert lost[Direction.WEST_TO_EAST] > 0
    again = sum(int(r["retransmitted_segments"]) + int(r["retransmitted_segments_rev"]) for r in session.rows("tcp_connection"))
    assert again > 0


def test_data_connections_quality_is_that_of_the_connection(session):
    """A transfer tells retransmissions and octets of its data connection as tcp_connection does."""
    by_port: dict[tuple[str, str], list[dict[str, str]]] = {}
    for found in session.rows("tcp_connection"):
        by_port.setdefault((found["server_addr"], found["server_port"]), []).append(found)
    for (client, port, _), row in found_by_probe(session).items():
        if row["octets"] in ("", "0"):
            continue
        passive = "passive" in row["mode"]
        of_port = by_port[row["server_addr"] if passive else client, str(port)]
        [connection] = [c for c in of_port  # a server may happen to choose a port again
                        if float(c["start"]) <= float(row["end"]) and float(row["start"]) <= float(c["end"])]
        suffix = "_rev" if passive == (row["command"] not in ("STOR", "APPE")) else ""
        for name in ("retransmitted_segments", "retransmitted_octets", "out_of_order_segments", "missing_octets", "data_segments"):
            assert connection[name + suffix] == row[name], (name, row)
        assert connection["unique_octets" + suffix] == row["octets"]


# Nobody keeps a password


def test_no_password_is_kept(session):
    """CSV files, database, messages of the programs (everything is told), the block in shared memory, the loader."""
    spool = [path.read_bytes() for path in sorted((session.place / "spool").iterdir())]
    told = [path.read_bytes() for path in session.place.glob("*.messages")]
    assert len(spool) >= 5
    assert len(told) == 2
    with duckdb.connect(str(session.place / "trafmon.duckdb"), read_only=True) as store:
        tables = [name for (name,) in store.execute("SELECT table_name FROM information_schema.tables").fetchall()]
        stored = [str(store.execute(f'SELECT * FROM "{name}"').fetchall()).encode() for name in tables]
    assert "ftp_transfer" in tables
    places = {"spool": spool, "messages": [*told, session.messages.encode()], "database": stored,
              "file of the database": [(session.place / "trafmon.duckdb").read_bytes()],
              "shared memory": [session.statistics], "loader": [session.loader.encode()]}
    for password in (PASSWORD, WRONG_PASSWORD):
        assert {} == {place: octets for place, parts in places.items() for octets in parts if password.encode() in octets}
    assert any(b"anonymous" in octets for octets in spool), "the user is kept, so a password would have been found"


def test_nothing_was_dropped(session):
    """Neither by the kernel, nor in the ring, nor on the way to the collector."""
    for name in ("kernel_drops", "rows_given_up", "pdus_waiting"):
        assert 0 == session.numbers[name], name
    assert "Traceback" not in session.messages
