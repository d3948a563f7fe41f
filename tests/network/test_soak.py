"""Everything at once for a while: no figure is wrong, nothing grows, nothing is left. `python -m tests.soak` goes on for longer."""

import asyncio
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.servers import Servers
from tests.pipeline.probe_process import until
from tests.soak.ledger import BOTH, EAST, WEST, Ledger
from tests.soak.play import Played, play
from tests.soak.report import report
from tests.soak.topology import DEVICE, lab, why_unavailable
from tests.soak.traffic.all_at_once import all_at_once
from tests.soak.traffic.work import Work
from tests.soak.wire import recorded

pytestmark = pytest.mark.network
SECONDS, RECORDED_S, SWITCHES = 90, 5, 2
NEIGHBOURS = "fe80:"


@pytest.fixture(scope="module")
def servers() -> Iterator[Path]:
    """A directory that vsftpd's unprivileged user may read."""
    if reason := why_unavailable():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        Path(place).chmod(0o755)
        yield Path(place)


@pytest.fixture(scope="module")
def played(servers, tmp_path_factory) -> Played:
    result = play(tmp_path_factory.mktemp("soak"), servers / "played", seconds=SECONDS, switches=SWITCHES)
    print(report(result))
    return result


def test_the_ledger_has_every_packet_and_octet_of_the_wire(servers, tmp_path):
    """As tcpdump records them at both places. Without that, no figure could be held against it."""
    ledger = Ledger()
    with lab() as at, Servers(at.servers, servers / "recorded", 1, "vsftpd", "dnsmasq"):
        paths = {WEST: tmp_path / "west.pcap", EAST: tmp_path / "east.pcap"}
        recorders = {place: host.start(["tcpdump", "-Z", "root", "-B", "32768", "-U", "-w", str(paths[place]), "-i", DEVICE],
                                       stderr=subprocess.PIPE, text=True)
                     for place, host in ((WEST, at.office), (EAST, at.servers))}
        try:
            for recorder in recorders.values():
                assert "listening on" in recorder.stderr.readline()
            asyncio.run(_traffic(Work(at, ledger, 2, 1.0, time.monotonic() + RECORDED_S)))
            for place, path in paths.items():
                until(lambda path=path, place=place: sum(c.packets for c in recorded(path).values()) >= ledger.totals(place)[0],
                      f"tcpdump has written what it saw at {place}")
        finally:
            for recorder in recorders.values():
                recorder.send_signal(signal.SIGINT)
                recorder.communicate(timeout=20)
        marked = sum(n for way, n in ledger.ways.items() if way.verdict == "lost")
        assert at.dropped() == marked > 0
    assert ledger.strange == []
    assert ledger.transfers
    for place, path in paths.items():
        found = {flow: (c.packets, c.octets, c.fragments) for flow, c in recorded(path).items() if NEIGHBOURS not in flow.src_addr}
        expected = {flow: (c.packets, c.octets, c.fragments) for flow, c in ledger.flows[place].items()}
        assert expected == found, place


async def _traffic(work: Work) -> None:
    asyncio.get_running_loop().call_later(work.ends_at - time.monotonic(), work.over.set)
    await all_at_once(work)


def test_the_machine_bore_it(played):
    """No packet was dropped by a kernel; what could not be observed would not be comparable."""
    assert played.verdict.overloaded == []


def test_every_figure_is_the_ledgers_and_nothing_grows(played):
    """Packets and octets of each flow, connections, queries, transfers, every single packet that was followed; memory, descriptors,
    threads, files in the spool, the same after each start anew; exit statuses, events, what is left behind."""
    assert played.verdict.wrong == []


def test_there_was_something_of_everything(played):
    """What is compared must not be a run in which nothing happens."""
    ledger, compared = played.ledger, played.verdict.compared
    assert {c.ended_by for c in ledger.connections} == {"fin", "rst", "timeout"}
    assert {None, "NOERROR", "NXDOMAIN"} <= {q.rcode for q in ledger.queries}
    assert {t.command for t in ledger.transfers} == {"RETR", "STOR", "LIST"}
    assert {t.mode for t in ledger.transfers} == {"active", "passive", "extended_active", "extended_passive"}
    assert {w.verdict for w in ledger.ways} == {"complete", "lost"}
    assert ledger.bursts >= 2
    for place in BOTH:
        assert {f.protocol for f in ledger.flows[place]} == {1, 6, 17, 58}
        assert any(c.fragments for c in ledger.flows[place].values())
        assert compared[f"flows at {place}"] > 1_000
    assert len(ledger.repeated) < len(ledger.flows[WEST]) // 100


def test_every_process_of_every_program_was_watched(played):
    """From beginning to end; what is not watched may grow."""
    held = {(h.program, h.role) for h in played.verdict.held}
    mains = {(program, "main") for program in ("west", "east", "collector", "loader")}
    assert mains | {("west", "child"), ("east", "child")} <= held
    assert {(program, "tmon_agent") for program in ("west", "east", "collector")} <= held


def test_agents_answered_all_the_while(played):
    """Whoever asked, by Prometheus' page, SNMP version 2c and 3."""
    assert all(count > SECONDS / 20 for count in played.watched.answered.values()), played.watched.answered
    assert all(h.seconds > SECONDS * 0.9 for h in played.verdict.held)
