"""A real collector of a probe with a key, killed and started again: what is genuine gets through, nothing is taken twice."""

from __future__ import annotations

import signal

from tests.keys import RUN, key_file, probe_session
from tests.pipeline.collector_process import CollectorProcess, Hand
from tests.unit.collector.make import pdu_of
from tmon_collector.probes import MAX_RUNS
from tmon_common.pdu.header import HEADER_OCTETS, OBSERVATIONS


def sealed(session, pdu, flows):
    return session.close(OBSERVATIONS, pdu_of(pdu, flows, behind=pdu)[HEADER_OCTETS:-4])


def test_a_restart(tmp_path):
    """Replays of before are refused; what was in flight, and what is sent again, is acknowledged; each row is there once, and the
    event says what was done."""
    key_file(tmp_path)
    session = probe_session()
    before = [sealed(session, pdu, [pdu]) for pdu in range(3)]
    with CollectorProcess(tmp_path, seal="aead") as collector, Hand(collector.port, session) as hand:
        hand.send(*before)
        hand.wait_for(0, 1, 2)
        overtaken, faster = sealed(session, 3, [3]), sealed(session, 4, [4])
        hand.send(faster)
        hand.wait_for(4)
        hand.send(overtaken)
        hand.wait_for(3)
        in_flight, faster_again = sealed(session, 5, [5]), sealed(session, 6, [6])
        hand.send(faster_again)
        hand.wait_for(6)
        collector.stop(signal.SIGKILL)
    with CollectorProcess(tmp_path, seal="aead") as collector, Hand(collector.port, session) as hand:
        hand.send(*before, faster, overtaken, faster_again, in_flight)
        assert not hand.take(0.5)
        again = [sealed(session, pdu, [pdu]) for pdu in range(8)]
        hand.send(*again)
        hand.wait_for(*range(8))
        assert collector.stop() == 0
        assert sorted(collector.flows()) == list(range(8))
        assert "7 replayed" in collector.messages
        [recovered] = [e for e in collector.events() if e["code"] == "collector_recovered"]
        assert recovered["component"] == "collector"
        assert "1 run" in recovered["text"]


def test_runs_that_are_over_stay_over(tmp_path):
    """Nobody knows any more which of their PDUs are written, so what somebody recorded of them is not written a second time."""
    key_file(tmp_path)
    sessions = [probe_session(run=RUN + (n << 16)) for n in range(MAX_RUNS + 1)]
    for start in range(2):
        with CollectorProcess(tmp_path, seal="aead") as collector:
            for n, session in enumerate(sessions[start * MAX_RUNS:]):
                with Hand(collector.port, session) as hand:
                    hand.send(sealed(session, start, [100 * start + n]))
                    hand.wait_for(start)
            with Hand(collector.port, sessions[0]) as hand:
                hand.send(sealed(sessions[0], 7, [99]))
                assert not hand.take(0.3)
            assert collector.stop() == 0
            assert "1 old_run" in collector.messages
            assert 99 not in collector.flows()
