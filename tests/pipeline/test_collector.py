"""tmon_collector as a program: from the socket to complete files."""

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.keys import RUN
from tests.pipeline.collector_process import CONFIGURATION, LIMIT_S, ROOT, CollectorProcess, Hand
from tests.unit.collector.make import closed, pdu_of
from tmon_collector.csv_text import csv_header
from tmon_common.clock import SystemClock
from tmon_common.config.model import Publication as Parameters
from tmon_common.observations import FLOW_DEFINITION, IP_COUNTERS
from tmon_common.pdu.contents import NO_LAG, Heartbeat, pack_heartbeat
from tmon_common.pdu.header import HEARTBEAT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_pdus_become_complete_files(tmp_path, number):
    """Damaged, foreign and repeated datagrams leave no row; a signal completes the files; exit status 0."""
    with CollectorProcess(tmp_path) as collector, Hand(collector.port) as hand:
        hand.send(pdu_of(0, [1, 2]), pdu_of(1, [3], behind=1), pdu_of(0, [1, 2]))
        hand.send(b"", b"noise", pdu_of(2, [9])[:-1], pdu_of(2, [9], probe="stranger"), pdu_of(2, [9]) + b"x", bytes(20000))
        hand.send(closed(HEARTBEAT, pack_heartbeat(Heartbeat(2, 0, 0, NO_LAG))))
        hand.send(pdu_of(7, [4], behind=7), pdu_of(8, [100], FLOW_DEFINITION, strings=["all"], behind=8))
        hand.wait_for(0, 1, 7, 8)
        assert len(collector.files("*.part")) == 3  # an event, too
        assert collector.stop(number) == 0
        assert collector.flows() == [1, 2, 3, 4]
        assert sorted(f.name.split(".")[0] for f in collector.files()) == ["event", "flow_definition", "ip_counters"]
        assert collector.files("*.part") == []
        assert collector.files("ip_counters*")[0].read_bytes().startswith(csv_header(IP_COUNTERS))
        assert "listening on 127.0.0.1 port" in collector.messages
        assert "1 oversized" in collector.messages
        assert "1 unknown_probe" in collector.messages
        assert "stopped; 5 rows of 4 PDUs" in collector.messages


def test_what_has_arrived_is_written_before_the_end(tmp_path):
    """PDUs that wait in the socket when the signal comes are not lost."""
    with CollectorProcess(tmp_path) as collector, Hand(collector.port) as hand:
        collector.process.send_signal(signal.SIGSTOP)
        for pdu in range(300):
            hand.send(pdu_of(pdu, [pdu], behind=pdu))
        collector.process.send_signal(signal.SIGTERM)
        collector.process.send_signal(signal.SIGCONT)
        assert collector.wait() == 0
        hand.wait_for(*range(300))
        assert sorted(collector.flows()) == list(range(300))


def test_killed_collector_loses_nothing_acknowledged(tmp_path):
    """kill -9, then a new collector: the file left behind is completed, the probe sees no difference."""
    with CollectorProcess(tmp_path) as collector, Hand(collector.port) as hand:
        hand.send(pdu_of(0, [1]), pdu_of(1, [2], behind=1))
        hand.wait_for(0, 1)
        collector.stop(signal.SIGKILL)
        assert len(collector.files("ip_counters.*.part")) == 1
    with CollectorProcess(tmp_path) as collector, Hand(collector.port) as hand:
        hand.send(pdu_of(2, [3], behind=0))
        hand.wait_for(2)
        assert collector.stop() == 0
        assert sorted(collector.flows()) == [1, 2, 3]
        assert "left by a collector that was killed; completed as" in collector.messages
        assert [e["code"] for e in collector.events()] == [
            "collector_started", "previous_run_died", "collector_recovered", "collector_started", "collector_stopped"]


def test_killed_again_and_again(tmp_path):
    """kill -9 under load, twelve times: what was acknowledged is there, everything is there once."""
    chance, rows, acked = random.Random(5), 40, set()
    for start in range(13):
        with CollectorProcess(tmp_path) as collector, Hand(collector.port) as hand:
            hand.acked = acked
            wanted = acked | set(range(len(acked) + chance.randrange(100, 600)))
            at, rounds = chance.randrange(1, 30), 0
            while start == 12 or rounds < at:
                waiting = sorted(wanted - acked)[:50]
                if not waiting:
                    break
                hand.send(*(pdu_of(pdu, range(rows * pdu, rows * pdu + rows), behind=pdu) for pdu in waiting))
                while hand.take(0.02) and not acked.issuperset(waiting):
                    pass
                rounds += 1
            if start < 12:
                hand.send(*(pdu_of(pdu, range(rows * pdu, rows * pdu + rows), behind=pdu) for pdu in sorted(wanted - acked)[:50]))
                collector.stop(signal.SIGKILL)
            else:
                assert collector.stop() == 0
                assert sorted(collector.flows()) == list(range(rows * len(wanted)))
                assert len(wanted) > 200


def test_second_collector_on_the_same_port(tmp_path):
    """Refused with address and port, exit status 2; the first is not disturbed."""
    (tmp_path / "other").mkdir()
    with CollectorProcess(tmp_path) as collector, Hand(collector.port) as hand:
        with CollectorProcess(tmp_path / "other", port=collector.port) as second:
            assert second.wait() == 2
            assert second.messages.splitlines()[-1].startswith(f"tmon_collector: 127.0.0.1 port {collector.port}: in use")
        hand.send(pdu_of(0, [1]))
        hand.wait_for(0)
        assert collector.stop() == 0


def test_second_collector_on_the_same_spool(tmp_path):
    """Refused by the lock, whatever its port."""
    (tmp_path / "other").mkdir()
    with CollectorProcess(tmp_path) as collector, CollectorProcess(tmp_path / "other", spool=collector.spool) as second:
        assert second.wait() == 2
        assert f"running already (process {collector.process.pid})" in second.messages
        assert collector.stop() == 0


def test_spool_that_cannot_be_made(tmp_path):
    with CollectorProcess(tmp_path, spool=tmp_path / "no" / "such") as collector:
        assert collector.wait() == 2
        assert len(collector.messages.splitlines()) == 1
        assert "does not exist; create it" in collector.messages


def test_bad_configuration(tmp_path):
    """All errors at once, exit status 2, no traceback."""
    (tmp_path / "tmon.xml").write_text("<trafmon>\n<nonsense/>\n<rubbish/>\n</trafmon>")
    ended = subprocess.run([sys.executable, "-m", "tmon_collector", "-c", str(tmp_path / "tmon.xml")], cwd=ROOT,
                           capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "nonsense" in ended.stderr
    assert "rubbish" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("option", "value", "message"), [
    ("--port", "99999", "99999 is no port; expected 0 to 65535"),
    ("--port", "-1", "-1 is no port; expected 0 to 65535"),
    ("--port", "http", "http is no port; expected 0 to 65535"),
    ("--ready-fd", "99", "99 is no descriptor open for writing"),
    ("--ready-fd", "-1", "-1 is no descriptor open for writing"),
    ("--ready-fd", str(1 << 70), f"{1 << 70} is no descriptor open for writing"),
    ("--ready-fd", "0", "0 is no descriptor open for writing"),
])
def test_bad_options(option, value, message):
    """One line that says what was expected, exit status 2, no traceback."""
    ended = subprocess.run([sys.executable, "-m", "tmon_collector", f"{option}={value}"], cwd=ROOT, input="",
                           capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr == f"tmon_collector: argument {option}: {message}\n"


def test_whoever_started_the_collector_has_gone(tmp_path):
    """It collects all the same."""
    (tmp_path / "tmon.xml").write_text(CONFIGURATION.format(spool=tmp_path / "spool", seal="crc"))
    end, told = os.pipe()
    os.close(end)
    command = [sys.executable, "-m", "tmon_collector", "-l", "--port", "0", "--ready-fd", str(told)]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, pass_fds=[told],
                          stderr=subprocess.PIPE, text=True) as started:
        os.close(told)
        line = next(line for line in started.stderr if "listening on" in line)
        with Hand(int(re.search(r"port (\d+)", line)[1])) as hand:
            hand.send(pdu_of(0, [1]))
            hand.wait_for(0)
        started.terminate()
        assert "Traceback" not in started.stderr.read()
    assert started.returncode == 0


@pytest.mark.parametrize("loss", [0, 3])
def test_publication_delivers_everything_once(tmp_path, loss):
    """A real publication to a real collector; of `loss` datagrams about one is lost on its way, there or back, first time or not.

    At random (seeded): losing every n-th could lose the same PDU again and again. Without loss nothing is sent twice.
    """
    from tests.unit.publish.playbook import counters
    from tmon_probe.publish import Publication
    from tmon_probe.publish.sender import Sender

    chance = random.Random(loss)

    def arrives() -> bool:
        return not loss or chance.random() >= 1 / loss

    class LossySender(Sender):
        def send(self, datagrams, now_ns):
            super().send([d for d in datagrams if arrives()], now_ns)

        def received(self):
            return [d for d in super().received() if arrives()]

    with CollectorProcess(tmp_path) as collector:
        timeout_ns = 20_000_000 if loss else 10**12
        parameters = Parameters("collector", "127.0.0.1", collector.port, max_pdu_octets=300, min_gap_ns=0, window=64,
                                initial_timeout_ns=timeout_ns, final_timeout_ns=10**13, timeout_increment_ns=0, heartbeat_ns=0)
        publication = Publication([parameters], "probe", RUN, None, SystemClock())
        publication._members = [(p, LossySender(s.address, s.port)) for p, s in publication._members]
        for first in range(0, 5000, 500):
            publication.add(counters(first, 500), time.monotonic_ns())
        publication.flush(time.monotonic_ns())
        limit = time.monotonic() + LIMIT_S
        import select

        while not publication.idle:
            assert time.monotonic() < limit
            publication.poll()
            timer = publication.next_timer(time.monotonic_ns())
            wait_s = 0.1 if timer is None else min(0.1, max(0, timer - time.monotonic_ns()) / 1e9)
            select.select(publication.filenos(), [], [], wait_s)
        publication.close()
        assert collector.stop() == 0
        assert sorted(collector.flows()) == list(range(5000))
        assert bool(loss) == bool(publication.publishers[0].statistics.retries)
