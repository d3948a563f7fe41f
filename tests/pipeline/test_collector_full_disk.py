"""A disk that is really full: a tmpfs of 64 kB; and a limit on the size of files."""

import subprocess

import pytest

from tests.pipeline.collector_process import CollectorProcess, Hand
from tests.pipeline.small_disk import small_disk
from tests.unit.collector.make import pdu_of
from tmon_common.observations import UDP_COUNTERS


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path, "64k") as disk:
        yield disk


def fill(hand, pdu):
    """Sends PDUs until one is not acknowledged within a moment; returns its id."""
    while True:
        hand.send(pdu_of(pdu, list(range(1000 * pdu, 1000 * pdu + 100)), behind=pdu))
        if not hand.take(1):
            return pdu
        assert pdu < 100
        pdu += 1


def test_full_disk(tmp_path, disk):
    """Nothing more is acknowledged; the log says so once; with room again, what the probe kept is written, exactly once."""
    (tmp_path / "run").mkdir()
    with CollectorProcess(tmp_path / "run", spool=disk / "spool") as collector, Hand(collector.port) as hand:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(40_000))
        first = fill(hand, 0)
        assert first > 0
        part = collector.files("ip_counters.*.part")[0]
        size = part.stat().st_size
        for _ in range(3):
            hand.send(pdu_of(first, list(range(1000 * first, 1000 * first + 100)), behind=first))
        hand.send(pdu_of(90, [1], UDP_COUNTERS, behind=90))
        assert not hand.take(0.5)
        assert part.stat().st_size == size
        assert part.read_bytes().endswith(b"\n")
        ballast.unlink()
        hand.send(pdu_of(first, list(range(1000 * first, 1000 * first + 100)), behind=first))
        hand.wait_for(first)
        hand.send(pdu_of(90, [1], UDP_COUNTERS, behind=90))
        hand.wait_for(90)
        assert collector.stop() == 0
        assert collector.flows() == [1000 * pdu + i for pdu in range(first + 1) for i in range(100)]
        told = [line for line in collector.messages.splitlines() if "ERROR" in line]
        assert len(told) == 1
        assert str(part) in told[0]
        assert "No space left on device" in told[0]
        assert "free some room" in told[0]
        assert "can be written again" in collector.messages
        events = collector.events()
        assert [e["code"] for e in events] == ["collector_started", "disk_full", "disk_back", "collector_stopped"]
        assert {e["subject"] for e in events[1:3]} == {str(collector.spool)}
        assert "No space left on device" in events[1]["text"]


def test_limit_of_file_size(tmp_path):
    """The same with EFBIG instead of ENOSPC; the collector is not killed by SIGXFSZ."""
    with CollectorProcess(tmp_path) as collector, Hand(collector.port) as hand:
        process = str(collector.process.pid)
        subprocess.run(["prlimit", "--pid", process, "--fsize=65536:unlimited"], check=True)
        first = fill(hand, 0)
        assert first > 0
        subprocess.run(["prlimit", "--pid", process, "--fsize=unlimited:unlimited"], check=True)
        hand.send(pdu_of(first, list(range(1000 * first, 1000 * first + 100)), behind=first))
        hand.wait_for(first)
        assert collector.stop() == 0
        assert collector.flows() == [1000 * pdu + i for pdu in range(first + 1) for i in range(100)]
        assert "raise the file size limit" in collector.messages
