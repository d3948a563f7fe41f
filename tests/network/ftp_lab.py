"""FTP across an emulated link that delays and loses, with a probe at its west end: what clients, server and probe say of it.

The network is that of the lab (tests/lab/topology.py); the server vsftpd, the clients curl and lftp.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.lab import topology
from tests.lab.ftp_clients import MODES, curl_ftp, curl_killed, lftp_get, lftp_killed, lftp_session
from tests.lab.operations import Actor, Operation
from tests.lab.servers import Servers
from tests.linkemu import Direction, Impairment, LinkConfig, LinkProcess, Network
from tests.pipeline.probe_process import ROOT, Probe, rows, start_collector, until
from tmon_common.config.read import read

PORT = 9779  # of the collector, on loopback of the link's namespace
MS = 1_000_000
SEED = 5
S4, S6 = topology.SERVER.host4, topology.SERVER.host6
LONG = "long.bin"
LONG_OCTETS, KILLED_AFTER = 400_000, 120_000
WRONG_PASSWORD = "not-the-one-of-demo"
DOWN, UP = (Impairment(delay_ns=10 * MS, jitter_ns=2 * MS, loss=0.01) for _ in range(2))
_LOGGED = re.compile(r'(OK|FAIL) (DOWNLOAD|UPLOAD): Client "(?:::ffff:)?([^"]+)", "([^"]+)", (\d+) bytes')

CONFIGURATION = f"""<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="debug"/>
  <flow_classes>
    <flow_class name="all">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port"/>
      <analysis kind="ip_counters" interval="10s"/>
      <analysis kind="tcp_connection"/>
    </flow_class>
    <flow_class name="ftp_control">
      <filter><match field="protocol" is="tcp"/><match field="port" is="21"/></filter>
      <flow name="session" fields="interface src_addr dst_addr protocol src_port dst_port"/>
      <analysis kind="ftp" interval="10s"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="collector" address="127.0.0.1" port="{PORT}"><spool directory="spool" rotate="1h"/></collector>
  </collectors>
  <probes>
    <probe name="probe" seal="crc">
      <interface name="link" device="west" capture="afpacket"/>
      <publish collector="collector" max_build="200ms" initial_timeout="300ms"/>
    </probe>
  </probes>
  <store backend="duckdb" database="trafmon.duckdb"/>
</trafmon>
"""


@dataclass(frozen=True)
class Logged:
    """A transfer as vsftpd logs it."""

    ok: bool
    upload: bool
    client: str
    path: str
    octets: int


@dataclass
class Session:
    """All that is known when everything has ended.

    named       operations that tests ask for by name; the others by `operations`
    place       configuration, spool, database and messages of probe and collector
    statistics  octets of the probe's block in shared memory, before its end
    """

    place: Path
    operations: list[Operation] = field(default_factory=list)
    named: dict[str, Operation] = field(default_factory=dict)
    logged: list[Logged] = field(default_factory=list)
    west_pcap: Path = Path()
    statistics: bytes = b""
    messages: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    loader: str = ""

    def rows(self, kind: str) -> list[dict[str, str]]:
        return rows(self.place, kind)


def missing() -> str | None:
    """What a machine lacks."""
    path = "/usr/local/sbin:/usr/sbin:/sbin"
    lacking = [p for p in ("curl", "lftp", "vsftpd") if not (shutil.which(p) or shutil.which(p, path=path))]
    return f"not installed: {' '.join(lacking)} (apt-get install them)" if lacking else None


def hold(place: Path) -> Session:
    """Everything in `place`; nothing is left but files there."""
    session = Session(place)
    (place / "tmon.xml").write_text(CONFIGURATION)
    configuration = read(place / "tmon.xml")
    with tempfile.TemporaryDirectory(prefix="ftp-") as scratch, Network() as network:
        work = Path(scratch)
        work.chmod(0o755)  # the server's unprivileged user reads below it
        built = topology.build(network)
        middle, stop = built.middle, threading.Event()
        with (start_collector(place, command=middle.command) as collector,
              Probe(place, configuration, command=middle.command) as probe):
            probe.until_capturing()
            before = probe.numbers()["packets_seen"]
            with (LinkProcess(middle, LinkConfig(place, west_to_east=UP, east_to_west=DOWN, seed=SEED)) as link,
                  Servers(built.hosts["server"], work / "server", SEED, "vsftpd")):
                server = work / "server"
                (server / "files" / "pub" / LONG).write_bytes(Random(SEED).randbytes(LONG_OCTETS))
                _work(session, {lan.label: _actor(built.hosts[lan.label], lan, work, stop)
                                for lan in (topology.CLIENT, topology.BRANCH, topology.METRO)}, server, stop)
                until(lambda: not _established(built.hosts["server"]), "the server has ended its sessions")
                session.logged = [Logged(m[1] == "OK", m[2] == "UPLOAD", m[3], m[4], int(m[5]))
                                  for m in _LOGGED.finditer((server / "vsftpd_transfers.log").read_text())]
                totals = link.drain()
                at_west = totals[Direction.WEST_TO_EAST]["received"] + totals[Direction.EAST_TO_WEST]["forwarded"]
                until(lambda: _counted(probe) - before >= at_west, "the probe has seen what the link has")
            session.west_pcap = link.west_pcap
            session.statistics = probe.segment.read_bytes()
            probe.process.terminate()
            assert 0 == probe.wait(), probe.messages
            session.numbers = probe.numbers()
            until(probe.gone, "nothing is left of the probe", 2)
            collector.process.terminate()
            assert 0 == collector.wait(), collector.messages
            session.messages = probe.messages + collector.messages
    loaded = subprocess.run([sys.executable, ROOT / "scripts" / "trafmon_loader.py", "-l"], cwd=place, check=False,
                            capture_output=True, text=True, timeout=60)
    session.loader = loaded.stdout + loaded.stderr
    assert 0 == loaded.returncode, session.loader
    return session


def _actor(host, lan: topology.Lan, work: Path, stop: threading.Event) -> Actor:
    (work / lan.label).mkdir()
    return Actor(host, lan, work / lan.label, stop)


def _counted(probe: Probe) -> int:
    numbers = probe.numbers()
    return numbers["packets_seen"] + numbers["kernel_drops"]


def _established(server) -> str:
    return server.run(["ss", "-Htn", "state", "established", "( sport = :21 )"]).stdout.strip()


def _work(session: Session, actors: dict[str, Actor], server: Path, stop: threading.Event) -> None:
    """Three clients at the same time. One that fails stops the others."""
    done: dict[str, list[Operation]] = {}

    def run(label: str, what: Callable[[Session, Actor, Path], Iterator[Operation]]) -> None:
        try:
            done[label] = list(what(session, actors[label], server))
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(run, *what) for what in (("client", _every_mode), ("branch", _killed), ("metro", _refused))]:
            future.result()
    session.operations = [operation for label in sorted(done) for operation in done[label]]


def _every_mode(_session: Session, client: Actor, _server: Path) -> Iterator[Operation]:
    """Get, put and list in every mode that the family has; and with lftp, several in one session."""
    for address, modes in ((S4, tuple(MODES)), (S6, ("EPSV", "EPRT"))):
        for mode in modes:
            mine, names_only = f"{mode}-{4 if address == S4 else 6}", ("--list-only",) if mode == "EPRT" else ()
            yield curl_ftp(client, "ftp_get", "pub/medium.bin", server=address, mode=mode, local="medium.bin")
            yield curl_ftp(client, "ftp_put", f"incoming/{mine}.bin", server=address, mode=mode, upload="medium.bin")
            yield curl_ftp(client, "ftp_list", "pub/", server=address, mode=mode, options=names_only)
    for address, mode in ((S4, "PASV"), (S4, "PORT"), (S6, "EPSV"), (S6, "EPRT")):
        yield lftp_session(client, address, mode=mode, files=("small.txt", "medium.bin"))


def _killed(session: Session, branch: Actor, server: Path) -> Iterator[Operation]:
    """SIGKILL in mid-transfer, then the rest: download and upload with curl, download with lftp."""
    named, local, stored = {}, branch.work / "long", server / "files" / "incoming" / LONG

    def has(path: Path) -> Callable[[], bool]:
        return lambda: path.exists() and path.stat().st_size >= KILLED_AFTER

    named["get_killed"] = curl_killed(branch, f"pub/{LONG}", server=S4, when=has(local), local=local.name)
    named["get_resumed"] = curl_ftp(branch, "ftp_resume", f"pub/{LONG}", server=S4, local=local.name,
                                    resume_from=local.stat().st_size)
    named["put_killed"] = curl_killed(branch, f"incoming/{LONG}", server=S6, when=has(stored), upload=local.name)
    until(lambda: not _established_at(branch), "the killed client's connections are gone")
    named["put_resumed"] = curl_ftp(branch, "ftp_put", f"incoming/{LONG}", server=S6, upload=local.name,
                                    options=("--continue-at", "-"))
    assert local.read_bytes() == stored.read_bytes()
    named["lftp_killed"] = lftp_killed(branch, S4, f"pub/{LONG}", after_octets=KILLED_AFTER, by=signal.SIGKILL)
    named["lftp_resumed"] = lftp_get(branch, S4, f"pub/{LONG}", resume=True)
    assert local.read_bytes() == (branch.work / "killed").read_bytes()
    session.named |= named
    yield from named.values()


def _refused(session: Session, metro: Actor, _server: Path) -> Iterator[Operation]:
    """A file that is not there, a place where nobody may write, a login with the wrong password."""
    mine = {
        "missing": lftp_get(metro, S4, "pub/missing.bin"),
        "small": curl_ftp(metro, "ftp_get", "pub/small.txt", server=S6, local="small.txt"),
        "forbidden": curl_ftp(metro, "ftp_put", "pub/small.txt", server=S4, mode="PASV", upload="small.txt"),
        "login": curl_ftp(metro, "ftp_login", "pub/small.txt", server=S4, user="demo", password=WRONG_PASSWORD),
    }
    session.named |= mine
    yield from mine.values()


def _established_at(host: Actor) -> str:
    return host.host.run(["ss", "-Htn"]).stdout.strip()
