"""The two directions of a link, recorded apart, replayed as linked interfaces: measured as if they had been recorded together."""

from pathlib import Path

import dpkt
import pytest

from tests.conftest import OWN_CAPTURES
from tests.pipeline.probe_process import Probe, configure, rows, start_collector
from tests.pipeline.test_processes_blocked import replay

KINDS = ("flow_definition", "ip_counters", "tcp_counters", "udp_counters", "icmp_counters")
BOTH = OWN_CAPTURES / "demo" / "west.pcap"
HEADER = 24


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> list[Path]:
    """west.pcap as two recordings, by the address of the sender on the link; dpkt tells the senders."""
    octets, writers = BOTH.read_bytes(), {}
    at, directory = HEADER, tmp_path_factory.mktemp("split")
    with BOTH.open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            written = writers.setdefault(dpkt.ethernet.Ethernet(frame).src, bytearray(octets[:HEADER]))
            written.extend(octets[at : at + 16 + len(frame)])
            at += 16 + len(frame)
    assert 2 == len(writers)
    assert len(octets) == at
    paths = [directory / f"{n}.pcap" for n in range(2)]
    for path, content in zip(paths, writers.values(), strict=True):
        path.write_bytes(content)
    return paths


def measure(directory: Path, interfaces: str) -> dict[str, list[tuple]]:
    """All rows of a run of the probe, but for what names the run; flows know no interface."""
    directory.mkdir()
    configuration = configure(directory, interfaces, attributes='ring_slots="1024" ring_octets="1MiB"')
    text = (directory / "tmon.xml").read_text().replace('fields="interface ', 'fields="')
    analyses = "".join(f'<analysis kind="{kind}" interval="1s"/>' for kind in KINDS[1:])
    (directory / "tmon.xml").write_text(text.replace('<analysis kind="ip_counters" interval="1s"/>', analyses))
    with start_collector(directory) as collector, Probe(directory, configuration) as probe:
        assert 0 == probe.wait(60), probe.messages
        collector.process.terminate()
        assert 0 == collector.wait()
    return {kind: sorted(tuple(v for k, v in row.items() if k not in ("run", "probe")) for row in rows(directory, kind))
            for kind in KINDS}


def test_linked_directions_are_measured_as_one_recording(split, tmp_path):
    """Every row is the same, down to the numbers of the flows and which direction came first; whichever interface stands first.

    So the child saw the packets in the order in which they passed: requests before replies.
    """
    together = measure(tmp_path / "together", replay("both", str(BOTH)))
    assert len(together["flow_definition"]) > 100
    for name, parts in (("as they are", split), ("the other way", split[::-1])):
        linked = "".join(replay(f"part{n}", str(p)).replace("<interface ", '<interface link="tap" ') for n, p in enumerate(parts))
        assert together == measure(tmp_path / name, linked)
