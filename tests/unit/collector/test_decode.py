"""The engine of the collector: what is written, what is answered, and in which order."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

from tests.keys import RUN, collector_sessions, probe_session
from tests.unit.collector.make import closed, pdu_of
from tmon_collector.decode import Decoding
from tmon_collector.gathering import CAPACITY
from tmon_collector.journal import Remembered
from tmon_collector.probes import MAX_AHEAD, MAX_RUNS
from tmon_collector.written import MAX_OLD_RUNS, MAX_RANGES
from tmon_common.observations import ABSENT, EVENT, FLOW_DEFINITION, IP_COUNTERS, ONE_WAY_OBSERVATION, UDP_COUNTERS
from tmon_common.pdu.ack import parse_acks, parse_heard
from tmon_common.pdu.codec import MAX_PAYLOAD_OCTETS, Encoder
from tmon_common.pdu.contents import MAX_ROWS, NO_LAG, Heartbeat, Observations, pack_heartbeat, pack_observations
from tmon_common.pdu.error import PduError
from tmon_common.pdu.header import ACK, COMPRESSED, HEADER_OCTETS, HEARD, HEARTBEAT, OBSERVATIONS, REFUSAL, parse_header, run_ms
from tmon_common.pdu.one_way import Form, OneWayPacker

HERE = ("127.0.0.1", 4000)
WALL_NS = 1_700_000_123_000_000_000


class Paper:
    """A spool in memory; kinds in `full` cannot be written."""

    def __init__(self):
        self.written = {}
        self.full = set()

    def append(self, kind, lines, runs=(), old=()):
        if kind.name in self.full:
            return False
        self.written[kind.name] = self.written.get(kind.name, b"") + bytes(lines)
        return True

    def record(self, runs=(), old=()):
        if "journal" in self.full:
            return False
        self.recorded = getattr(self, "recorded", 0) + 1
        return True

    def flows(self, kind="ip_counters"):
        return [int(line.split(b",")[2]) for line in self.written.get(kind, b"").splitlines()]


@pytest.fixture
def paper():
    return Paper()


@pytest.fixture
def decoding(paper):
    return Decoding(["probe", "other"], collector_sessions("probe", "other", keys=None), paper)


def answers(decoding, *datagrams, address=HERE):
    """(type, ids) of the answers to datagrams received together; for heartbeats the time that is told."""
    found = []
    for answer, _ in decoding.handle([(d, address) for d in datagrams], 0, WALL_NS):
        pdu_type, content = opened(answer)
        found.append((pdu_type, parse_heard(content) if pdu_type == HEARD else list(parse_acks(content))))
    return found


def opened(answer):
    """By the session that asked: another one cannot open it."""
    for probe in ("probe", "other"):
        for run in (RUN, RUN + (1 << 16), *range(MAX_RUNS + 1)):
            try:
                return probe_session(probe, run, keys=None).open(answer)
            except PduError:
                continue
    raise AssertionError("nobody can open the answer")


class Kept:
    """A sink of one-way observations; `full`: nothing can be kept."""

    def __init__(self):
        self.full = False
        self.kept, self.taken = [], []

    def wants(self, flow_class):
        return flow_class == FORM.flow_class

    def keep(self, blocks):
        self.kept += [] if self.full else blocks
        return not self.full

    def take(self, blocks):
        assert blocks == self.kept[-len(blocks) :]
        self.taken += blocks


FORM = Form("voice", 4, 1, sizes=True)


def one_way_pdu(pdu, sequence, flow_class="voice", rows=None, behind=0):
    words = np.full((3, ONE_WAY_OBSERVATION.words), ABSENT, np.int64)
    words[:, :5] = [(7, 1, n, 10**18 + n, 100) for n in range(3)]
    packed = OneWayPacker(replace(FORM, flow_class=flow_class)).pack(words, 0, 1000, sequence, 10**18)
    header = Observations(pdu, behind, ONE_WAY_OBSERVATION.number, packed.rows if rows is None else rows, words.shape[1], 0)
    return closed(OBSERVATIONS, pack_observations(header) + packed.octets)


def one_way(paper, kept, **more):
    return Decoding(["probe"], collector_sessions("probe", keys=None), paper, one_way=kept, **more)


def test_one_way_observations_are_kept_then_acknowledged(paper):
    """All of a wake-up at once; the engine sees them after that; none of it is a line. Again, they are only acknowledged again."""
    kept = Kept()
    decoding = one_way(paper, kept)
    assert answers(decoding, one_way_pdu(0, 0), pdu_of(1, [3]), one_way_pdu(2, 1), one_way_pdu(0, 0)) == [(ACK, [1, 0, 2])]
    assert [(probe, run, block.sequence, len(block.words)) for probe, run, _, block in kept.taken] == [
        ("probe", run_ms(RUN), 0, 3), ("probe", run_ms(RUN), 1, 3)]
    assert (list(paper.written), paper.recorded) == (["ip_counters"], 1)
    assert answers(decoding, one_way_pdu(0, 0)) == [(ACK, [0])]
    assert len(kept.taken) == 2
    assert (decoding.statistics.pdus, decoding.statistics.rows) == (3, 7)


@pytest.mark.parametrize("where", ["log", "journal"])
def test_one_way_observations_that_cannot_be_kept(paper, where):
    """Neither acknowledged nor taken; when there is room again, they are."""
    kept = Kept()
    decoding = one_way(paper, kept)
    kept.full = where == "log"
    paper.full.add(where)
    assert answers(decoding, one_way_pdu(0, 0)) == []
    assert (kept.taken, decoding.statistics.unwritten) == ([], 1)
    kept.full = False
    paper.full.clear()
    assert answers(decoding, one_way_pdu(0, 0)) == [(ACK, [0])]
    assert len(kept.taken) == 1


def test_one_way_observations_of_no_class_are_refused(paper):
    """As are those whose header does not fit, and all of them where nobody takes any."""
    decoding = one_way(paper, Kept())
    assert answers(decoding, one_way_pdu(0, 0, "video"), one_way_pdu(1, 0, rows=2)) == [(REFUSAL, [0, 1])]
    assert answers(one_way(paper, None), one_way_pdu(0, 0)) == [(REFUSAL, [0])]
    assert decoding.statistics.refused.total() == 2


def test_keepers_come_first(paper):
    """What they cannot keep is neither written nor acknowledged."""
    room, seen = [False], []

    def keep(*what):
        seen.append(what[0])
        return room[0]

    decoding = one_way(paper, None, keepers={"ip_counters": keep})
    assert answers(decoding, pdu_of(0, [1])) == []
    assert (paper.flows(), decoding.statistics.unwritten) == ([], 1)
    room[0] = True
    assert answers(decoding, pdu_of(0, [1])) == [(ACK, [0])]
    assert (paper.flows(), seen) == ([1], ["ip_counters"] * 2)


def test_written_then_acknowledged(decoding, paper):
    """Several PDUs, one ack."""
    assert answers(decoding, pdu_of(0, [1, 2]), pdu_of(1, [3])) == [(ACK, [0, 1])]
    assert paper.flows() == [1, 2, 3]
    assert paper.written["ip_counters"].startswith(f"probe,{run_ms(RUN)},1,0.000000001,".encode())
    assert (decoding.statistics.pdus, decoding.statistics.rows) == (2, 3)


def test_acks_are_smaller_than_what_they_answer(decoding):
    """Never more octets out than in: no amplification."""
    for datagram in (pdu_of(0, [1]), pdu_of(0, [1]), pdu_of(1, [1], number=0x7777)):
        assert sum(len(a) for a, _ in decoding.handle([(datagram, HERE)], 0, WALL_NS)) < len(datagram)


def test_duplicates_are_acknowledged_again_and_not_written(decoding, paper):
    """Across wake-ups and within one."""
    datagram = pdu_of(0, [1])
    assert answers(decoding, datagram, datagram) == [(ACK, [0])]
    assert answers(decoding, datagram) == [(ACK, [0])]
    assert paper.flows() == [1]
    assert decoding.statistics.duplicates == 2


def test_runs_and_probes_do_not_mix(decoding, paper):
    """The same id of another run or probe is another PDU."""
    datagrams = [pdu_of(0, [1]), pdu_of(0, [2], run=RUN + (1 << 16)), pdu_of(0, [3], probe="other")]
    assert answers(decoding, *datagrams) == [(ACK, [0])] * 3
    assert paper.flows() == [1, 2, 3]


def test_what_cannot_be_written_is_neither_acknowledged_nor_remembered(decoding, paper):
    """Only PDUs of that kind wait; they are written once when there is room again."""
    paper.full.add("ip_counters")
    assert answers(decoding, pdu_of(0, [1]), pdu_of(1, [2], UDP_COUNTERS, behind=1)) == [(ACK, [1])]
    assert decoding.statistics.unwritten == 1
    paper.full.clear()
    assert answers(decoding, pdu_of(0, [1]), pdu_of(1, [2], UDP_COUNTERS, behind=1)) == [(ACK, [1, 0])]
    assert paper.flows() == [1]
    assert paper.flows("udp_counters") == [2]


def test_unknown_kinds_are_refused(decoding, paper):
    """Said to the probe, which keeps them aside; counted by kind and probe."""
    assert answers(decoding, pdu_of(0, [1], number=0x8001), pdu_of(1, [2])) == [(REFUSAL, [0]), (ACK, [1])]
    assert decoding.statistics.refused == {"kind 32769 of probe": 1}
    assert paper.flows() == [2]


def test_unsound_payloads_are_refused(decoding, paper):
    sound = pdu_of(0, [1, 2])
    assert answers(decoding, closed(OBSERVATIONS, sound[HEADER_OCTETS:-5])) == [(REFUSAL, [0])]
    lying = bytearray(sound[HEADER_OCTETS:-4])
    lying[10:12] = b"\xff\xff"  # rows
    assert answers(decoding, closed(OBSERVATIONS, bytes(lying))) == [(REFUSAL, [0])]
    assert answers(decoding, sound) == [(ACK, [0])]
    assert paper.flows() == [1, 2]


@pytest.mark.parametrize(("reason", "datagram"), [
    ("short", b"tm"),
    ("foreign", bytes(60)),
    ("oversized", pdu_of(0, [1]) + bytes(9300)),
    ("unknown_probe", pdu_of(0, [1], probe="stranger")),
    ("corrupt", pdu_of(0, [1])[:-1] + b"?"),
    ("version", b"tm\x12" + pdu_of(0, [1])[3:]),
    ("type", closed(ACK, bytes(40))),
    ("short", closed(OBSERVATIONS, bytes(13))),
    ("short", closed(HEARTBEAT, bytes(23))),
    ("unsealed", probe_session().close(OBSERVATIONS, bytes(40))),
])
def test_what_is_no_pdu_of_a_declared_probe(decoding, paper, reason, datagram):
    """A counter changes, and nothing else."""
    assert answers(decoding, datagram) == []
    assert decoding.statistics.rejected == {reason: 1}
    assert not paper.written
    assert not decoding.probes.heard_ns


def heartbeat(next_pdu, behind=0, run=RUN):
    return closed(HEARTBEAT, pack_heartbeat(Heartbeat(next_pdu, behind, 5, NO_LAG)), run=run)


def test_heartbeats_are_heard(decoding):
    """They show that the probe lives, and are answered with the time."""
    told = []
    decoding._hear = lambda *heard: told.append(heard)
    assert answers(decoding, heartbeat(10, 2)) == [(HEARD, WALL_NS)]
    assert decoding.probes.heard_ns == {"probe": 0}
    assert decoding.statistics.heartbeats == 1
    assert told == [("probe", run_ms(RUN), Heartbeat(10, 2, 5, NO_LAG), WALL_NS, 0)]


@pytest.mark.parametrize("next_pdu", [1, 3, 100, MAX_AHEAD, 2**31, 2**32 - 1])
@pytest.mark.parametrize("heard_before", [False, True])
def test_a_heartbeat_makes_no_id_count_as_written(decoding, paper, next_pdu, heard_before):
    """Whatever ids it names, forged or not: what comes afterwards is written, and only what was written is a duplicate."""
    if heard_before:
        answers(decoding, pdu_of(0, [0]))
    implausible = heard_before and next_pdu > MAX_AHEAD
    assert answers(decoding, heartbeat(next_pdu)) == ([] if implausible else [(HEARD, WALL_NS)])
    assert answers(decoding, pdu_of(0, [0]), pdu_of(1, [1]), pdu_of(2, [2])) == [(ACK, [0, 1, 2])]
    assert paper.flows() == [0, 1, 2]
    assert decoding.statistics.duplicates == heard_before


def test_implausible_heartbeats_are_counted(decoding):
    """A probe may have given many PDUs up that never came here, but not any number."""
    answers(decoding, pdu_of(0, [0]), heartbeat(5))
    assert not decoding.statistics.rejected
    answers(decoding, heartbeat(1 + MAX_AHEAD))
    assert not decoding.statistics.rejected
    answers(decoding, heartbeat(2 + MAX_AHEAD))
    assert decoding.statistics.rejected == {"implausible": 1}
    assert decoding.statistics.heartbeats == 2


def test_what_comes_late_is_written(decoding, paper):
    """The probe gave PDU 3 up while the network still had it."""
    assert answers(decoding, pdu_of(7, [7])) == [(ACK, [7])]
    assert answers(decoding, pdu_of(3, [3])) == [(ACK, [3])]
    assert paper.flows() == [7, 3]


def test_more_holes_than_are_remembered(decoding, paper):
    """New PDUs wait while the probe holds the old ones; what it no longer holds is forgotten first."""
    for pdu in range(0, 2 * MAX_RANGES, 2):
        answers(decoding, pdu_of(pdu, [pdu], behind=pdu))
    assert answers(decoding, pdu_of(10_000, [1], behind=10_000)) == []
    assert decoding.statistics.rejected == {"no_memory": 1}
    assert answers(decoding, pdu_of(10_000, [1], behind=9000)) == [(ACK, [10_000])]
    assert answers(decoding, pdu_of(2, [1], behind=0)) == [(ACK, [2])]
    assert decoding.statistics.duplicates == 1


def test_heartbeats_of_other_runs_displace_none(decoding, paper):
    """A PDU whose ack was lost is a duplicate, however many runs are heard of meanwhile."""
    answers(decoding, pdu_of(0, [1]))
    for run in range(MAX_RUNS):
        answers(decoding, heartbeat(5, run=run))
    assert answers(decoding, pdu_of(0, [1])) == [(ACK, [0])]
    assert paper.flows() == [1]


def test_only_what_is_written_makes_runs(decoding, paper):
    """Neither refused PDUs nor those that a full disk cannot take displace a run."""
    answers(decoding, pdu_of(0, [1]))
    paper.full.add("udp_counters")
    for run in range(MAX_RUNS):
        answers(decoding, pdu_of(0, [1], number=0x7777, run=run), pdu_of(1, [1], UDP_COUNTERS, run=run))
    assert answers(decoding, pdu_of(0, [1])) == [(ACK, [0])]
    assert paper.flows() == [1]


def test_the_run_silent_for_longest_goes(decoding, paper):
    """A heartbeat is a sign of life, too."""
    for run in range(MAX_RUNS):
        answers(decoding, pdu_of(0, [run], run=run))
    answers(decoding, heartbeat(1, run=0), pdu_of(0, [MAX_RUNS], run=MAX_RUNS))
    answers(decoding, pdu_of(0, [0], run=0))
    assert decoding.statistics.duplicates == 1
    answers(decoding, pdu_of(0, [1], run=1))
    assert decoding.statistics.duplicates == 1


def test_a_collector_started_in_the_middle_of_a_run(decoding, paper):
    """It takes what comes, from whatever id on."""
    assert answers(decoding, pdu_of(5000, [1], behind=3), pdu_of(4997, [2], behind=0)) == [(ACK, [5000, 4997])]
    assert paper.flows() == [1, 2]


def test_more_rows_than_are_gathered_at_once(decoding, paper):
    """They are written in portions."""
    flows = np.arange(1000)
    datagrams = [pdu_of(i, flows + 1000 * i) for i in range(CAPACITY // 1000 * 2 + 3)]
    assert answers(decoding, *datagrams) == [(ACK, list(range(len(datagrams))))]
    assert paper.flows() == list(range(1000 * len(datagrams)))


def test_a_small_pdu_cannot_become_a_huge_file(decoding, paper):
    """One long string that every row names in every column: refused, whatever it is compressed to."""
    words = np.zeros((MAX_ROWS, EVENT.words), np.int64)
    encoder = Encoder(EVENT)
    encoder.offer(["x" * 30_000])
    payload = encoder.encode(words, 0, MAX_PAYLOAD_OCTETS)
    header = Observations(0, 0, EVENT.number, payload.rows, EVENT.words, payload.strings)
    datagram = closed(COMPRESSED, pack_observations(header) + zlib.compress(payload.octets, 9, -15))
    assert len(datagram) < 300
    assert answers(decoding, datagram) == [(REFUSAL, [0])]
    assert not paper.written


def sealed(datagram, run):
    """The same PDU, sealed."""
    return probe_session(run=run).close(parse_header(datagram).type, datagram[HEADER_OCTETS:-4])


def restarted(decoding, sessions, paper):
    """Another start, which knows what a snapshot says."""
    after, remembered = Decoding(["probe", "other"], sessions, paper), Remembered()
    for record in decoding.state():
        remembered.take(record)
    after.restore(remembered)
    return after


def test_runs_that_are_over_are_refused(paper):
    """Neither PDUs nor heartbeats of them are taken, answered, or a sign of life; also after a restart."""
    decoding = Decoding(["probe", "other"], collector_sessions("probe", "other"), paper)
    for run in range(MAX_RUNS + 1):
        assert len(decoding.handle([(sealed(pdu_of(0, [run]), run), HERE)], 0, WALL_NS)) == 1
    session = probe_session(run=0)
    late = [session.close(parse_header(d).type, d[HEADER_OCTETS:-4]) for d in (pdu_of(0, [0]), pdu_of(1, [99]), heartbeat(5))]
    for engine in (decoding, restarted(decoding, collector_sessions("probe", "other"), paper)):
        engine.probes.heard_ns.clear()
        assert engine.handle([(d, HERE) for d in late[1:]], 0, WALL_NS) == []
        assert engine.statistics.rejected == {"old_run": 2}
        assert not engine.probes.heard_ns
    assert 99 not in paper.flows()


def test_forged_runs_shut_no_probe_out(decoding, paper):
    """Under a CRC anybody can send rows of any run: the genuine one is still taken, at once and after a restart; little is kept."""
    answers(decoding, pdu_of(0, [1]))
    content = pdu_of(0, [7])[HEADER_OCTETS:-4]
    forged = [closed(OBSERVATIONS, content, run=(1 << 64) - 1 - n) for n in range(MAX_OLD_RUNS + 2 * MAX_RUNS)]
    decoding.handle([(d, HERE) for d in forged], 0, WALL_NS)
    after = restarted(decoding, collector_sessions("probe", "other", keys=None), paper)
    for n, engine in enumerate((decoding, after), 1):
        assert answers(engine, pdu_of(n, [100 + n])) == [(ACK, [n])]
        assert answers(engine, heartbeat(5)) == [(HEARD, WALL_NS)]
        assert not engine.statistics.rejected
        assert not engine.probes.old
        assert len(list(engine.probes.runs())) == MAX_RUNS


def test_many_runs_at_once(decoding):
    """More than sessions are kept of; each gets its answer. (Anybody can send such under a CRC.)"""
    datagrams = [closed(OBSERVATIONS, pdu_of(0, [1])[HEADER_OCTETS:-4], run=RUN + n) for n in range(40)]
    assert len(decoding.handle([(d, HERE) for d in datagrams], 0, WALL_NS)) == 40


def test_strings_of_several_pdus(decoding, paper):
    """Each PDU has a table of its own."""
    assert answers(decoding, pdu_of(0, [1], FLOW_DEFINITION, strings=["all"]),
                   pdu_of(1, [2], FLOW_DEFINITION, strings=["a,b"])) == [(ACK, [0, 1])]
    first, second = paper.written["flow_definition"].decode().splitlines()
    assert first.startswith(f"probe,{run_ms(RUN)},1,all,all,")
    assert second.startswith(f'probe,{run_ms(RUN)},2,"a,b","a,b",')


def test_answers_go_where_the_pdus_came_from(decoding):
    there = ("127.0.0.1", 5000)
    sent = decoding.handle([(pdu_of(0, [1]), HERE), (pdu_of(1, [1]), there)], 0, WALL_NS)
    assert [HERE, there] == [address for _, address in sent]


def test_counters_of_kinds_not_in_use():
    """Only kinds that arrive cost memory."""
    decoding = Decoding(["probe"], collector_sessions(keys=None), Paper())
    answers(decoding, pdu_of(0, [1]))
    assert [IP_COUNTERS.number] == list(decoding._gatherings)
