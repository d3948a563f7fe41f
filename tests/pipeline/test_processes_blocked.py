"""A probe whose collector takes nothing, and samples that must stay whole whatever the ring and the sources do."""

import os
import signal
import struct
from collections import Counter
from pathlib import Path

import pytest

from tests.pipeline.probe_process import LIMIT_S, Probe, configure, rows, start_collector, until

FLOWS = 50_000


def capture(path: Path, packets: list[tuple[int, int]]) -> None:
    """UDP packets: (time in ms after an even minute, source port or, from 2^16 on, also another source address)."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for ms, flow in packets:
        ip = struct.pack("!BBHHHBBHII", 0x45, 0, 28, 0, 0, 64, 17, 0, 0x0A000000 + (flow >> 16), 0x0A0000FE)
        frame = bytes(12) + b"\x08\x00" + ip + struct.pack("!HHHH", flow & 0xFFFF, 53, 8, 0)
        parts.append(struct.pack("<IIII", 1_699_999_980 + ms // 1000, ms % 1000 * 1000, len(frame), len(frame)) + frame)
    path.write_bytes(b"".join(parts))


def replay(name: str, *files: str, pace: str = "full") -> str:
    inside = "".join(f'<file path="{f}"/>' for f in files)
    return f'<interface name="{name}" capture="replay" pace="{pace}">{inside}</interface>'


@pytest.fixture
def blocked(tmp_path):
    """A probe without a collector whose queue and ring are full. Its flows are scattered: others would be compressed to nothing."""
    capture(tmp_path / "many.pcap", [(0, n * 2_654_435_761 % 2**32) for n in range(FLOWS)])
    configuration = configure(tmp_path, replay("lan", "many.pcap"), attributes='ring_slots="1024"')
    text = (tmp_path / "tmon.xml").read_text().replace("<publish ", '<publish queue="64KiB" ')
    (tmp_path / "tmon.xml").write_text(text)
    with Probe(tmp_path, configuration) as probe:
        probe.until_capturing()
        before: list[tuple[int, ...]] = []

        def stuck() -> bool:
            numbers = probe.numbers()
            before.append(tuple(numbers[n] for n in ("packets_seen", "rows", "pdus_waiting")))
            return len(before) > 50 and before[-50] == before[-1] and before[-1][0] < FLOWS and before[-1][2] >= 10

        until(stuck, "nothing moves any more: the ring is full")
        yield probe


def test_a_blocked_probe_stops_when_it_is_told_to(blocked):
    """SIGTERM while nothing is acknowledged: a few seconds, status 1, and what was lost is said."""
    blocked.process.send_signal(signal.SIGTERM)
    assert 1 == blocked.wait()
    until(blocked.gone, "nothing is left of the probe", 2)
    assert "packets in the ring are given up" in blocked.messages
    assert "is the collector running" in blocked.messages


def test_the_child_of_a_killed_father_ends_though_nothing_is_acknowledged(blocked):
    """kill -9 of the father of a blocked probe leaves no child."""
    os.kill(blocked.process.pid, signal.SIGKILL)
    blocked.wait()
    until(lambda: not blocked.children(), "the child ends", LIMIT_S)


def test_a_blocked_probe_goes_on_when_the_collector_comes(blocked, tmp_path):
    """A replay loses nothing for want of a collector: it waits for it."""
    with start_collector(tmp_path) as collector:
        assert 0 == blocked.wait(60), blocked.messages
        collector.process.terminate()
        assert 0 == collector.wait()
    assert FLOWS == sum(int(r["packets"]) for r in rows(tmp_path, "ip_counters"))
    assert FLOWS == len(rows(tmp_path, "flow_definition"))


def measure(directory: Path, interfaces: str, attributes: str = "", fields: str | None = None) -> list[dict[str, str]]:
    """ip_counters rows of a probe that runs to its end."""
    configuration = configure(directory, interfaces, attributes=attributes)
    if fields:
        text = (directory / "tmon.xml").read_text()
        (directory / "tmon.xml").write_text(text.replace('fields="interface src_addr dst_addr protocol src_port dst_port vlan"',
                                                         f'fields="{fields}"'))
    with start_collector(directory) as collector, Probe(directory, configuration) as probe:
        assert 0 == probe.wait(60), probe.messages
        collector.process.terminate()
        assert 0 == collector.wait()
    return rows(directory, "ip_counters")


def assert_whole(found: list[dict[str, str]], packets: int) -> None:
    """Every packet is counted, and a flow has one row for an interval."""
    assert packets == sum(int(r["packets"]) + int(r["packets_rev"]) for r in found)
    assert [] == [key for key, n in Counter((r["flow"], r["start"]) for r in found).items() if n > 1]


def test_samples_are_whole_across_the_wrap_of_the_ring(tmp_path):
    """Many rounds through a small ring: still one row for a flow and interval."""
    capture(tmp_path / "long.pcap", [(n // 10, n % 20) for n in range(60_000)])
    assert_whole(measure(tmp_path, replay("lan", "long.pcap"), 'ring_slots="1024"'), 60_000)


def test_samples_are_whole_when_interfaces_share_flows(tmp_path):
    """Two recordings of the same seconds, flows without the interface: they add up in one row."""
    for name in ("a", "b"):
        capture(tmp_path / f"{name}.pcap", [(n, n % 5) for n in range(12_000)])
    found = measure(tmp_path, replay("a", "a.pcap") + replay("b", "b.pcap"), fields="src_addr dst_addr src_port dst_port")
    assert_whole(found, 24_000)
    assert 12 * 5 == len(found)


def test_samples_are_whole_though_packets_are_out_of_order(tmp_path):
    """Packets that change places around the end of an interval stay in theirs."""
    times = [n + (400 if n % 3 else -400) for n in range(1000, 20_000)]
    capture(tmp_path / "mixed.pcap", [(ms, 1) for ms in times])
    assert_whole(measure(tmp_path, replay("lan", "mixed.pcap")), len(times))


def test_recordings_at_their_own_pace_do_not_wait_for_each_other(tmp_path):
    """One has a gap of an hour; the other's packets come when they are due."""
    capture(tmp_path / "gap.pcap", [(0, 1), (3_600_000, 1)])
    capture(tmp_path / "steady.pcap", [(n * 200, 2) for n in range(5)] + [(3_600_000, 2)])
    configuration = configure(tmp_path, replay("a", "gap.pcap", pace="own") + replay("b", "steady.pcap", pace="own"))
    with Probe(tmp_path, configuration) as probe:
        probe.until_capturing()
        until(lambda: probe.numbers()["packets_seen"] == 6, "every packet that is due is seen")
