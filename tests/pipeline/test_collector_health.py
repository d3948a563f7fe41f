"""What a running collector tells of itself is what is in its spool and in its log; a killed one is told by the next."""

from __future__ import annotations

import csv
import signal
import time

from tests.keys import KEY, key_file, probe_session
from tests.pipeline.collector_process import Hand
from tests.pipeline.probe_process import LIMIT_S, Probe, free_port, recording, start_collector, until
from tmon_collector import health
from tmon_collector.health_names import ALIVE, BROKEN, KIND, NEVER
from tmon_common.config.read import read
from tmon_common.event_board import ENDING, BoardReader
from tmon_common.pdu.contents import NO_LAG, Heartbeat, pack_heartbeat
from tmon_common.pdu.header import HEARTBEAT, new_run
from tmon_common.pdu.keys import new_key

CONFIGURATION = """<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="all">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port vlan"/>
      <analysis kind="ip_counters" interval="1s"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="near" address="127.0.0.1" port="{near}"><spool directory="near" rotate="1h" rotate_size="20KiB"/></collector>
    <collector name="far" address="127.0.0.1" port="{far}"><spool directory="far" rotate="1h"/></collector>
  </collectors>
  <probes>
    <probe name="probe">
      <interface name="lan" capture="replay"><file path="a.pcap"/></interface>
      <publish collector="near" max_build="100ms" heartbeat="100ms"/><publish collector="far" max_build="100ms" heartbeat="100ms"/>
    </probe>
    <probe name="absent"><interface name="lan" device="lo"/><publish collector="near"/></probe>
  </probes>
</trafmon>
"""
PACKETS, FLOWS = 3000, 700


def site(directory):
    recording(directory / "a.pcap", PACKETS, FLOWS)
    key_file(directory)
    (directory / "tmon.xml").write_text(CONFIGURATION.format(near=free_port(), far=free_port()))
    return read(directory / "tmon.xml")


class Seen:
    """A collector as others on this host see it, also after its end."""

    def __init__(self, configuration, name):
        self.reader = health.attach(configuration, name)
        self.board = BoardReader(self.reader.segment + ENDING)
        self.spool = configuration.collector_by_name[name].spool

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.board.close()

    @property
    def numbers(self):
        return self.reader.snapshot()

    def kinds(self):
        """Rows, octets and files of each kind of which there is something."""
        numbers = self.numbers
        kinds = enumerate(self.reader.identity["kinds"])
        by_kind = {kind: tuple(numbers[f"kind_{n}_{name}"] for name in KIND) for n, kind in kinds}
        return {kind: values for kind, values in by_kind.items() if any(values)}

    def files(self):
        """The same of the complete files."""
        found = {}
        for path in self.spool.glob("*.csv"):
            with path.open(newline="") as file:
                header, rows = len(file.readline()), len(list(csv.reader(file)))
            known = found.setdefault(path.name.split(".")[0], [0, 0, 0, 0])
            known[0], known[1], known[2] = known[0] + rows, known[1] + path.stat().st_size - header, known[2] + 1
        return {kind: tuple(values) for kind, values in found.items()}

    def events(self):
        rows = []
        for path in self.spool.glob("event.*.csv"):
            with path.open(newline="") as file:
                rows += [r for r in csv.DictReader(file) if r["component"] == "collector"]
        return [(r["code"], r["subject"]) for r in sorted(rows, key=lambda r: float(r["time"]))]


def test_two_collectors_of_a_file_tell_what_is_in_their_spools(tmp_path):
    """While they run, and as they end; a probe that never came is told apart from one that did."""
    configuration = site(tmp_path)
    with start_collector(tmp_path, "near", name="near.log") as near, start_collector(tmp_path, "far", name="far.log") as far, \
            Seen(configuration, "near") as seen, Seen(configuration, "far") as other:
        assert (near.process.pid, ["probe", "absent"]) == (seen.reader.identity["pid"], seen.reader.identity["probes"])
        with Probe(tmp_path, configuration, "-l", "probe", name="probe.log") as probe:
            assert 0 == probe.wait(60), probe.messages
        until(lambda: seen.numbers["rows"] == other.numbers["rows"] > FLOWS, "both have written all of it", LIMIT_S)
        running = seen.numbers
        assert (ALIVE, NEVER, 1, 1) == tuple(running[n] for n in ("probe_0_state", "probe_1_state", "probes_alive", "probes_never"))
        assert running["keys_missing"] == 1
        for collector in (near, far):
            collector.process.terminate()
            assert 0 == collector.wait(), collector.messages
        for one, program in ((seen, near), (other, far)):
            numbers = one.numbers
            assert one.files() == one.kinds()
            assert (len(list(one.spool.glob("*.csv"))), 0) == (numbers["files_completed"], numbers["files_open"])
            assert numbers["journal_octets"] == next(one.spool.glob(".*.journal")).stat().st_size
            assert (numbers["pdus"], numbers["rows"]) == (numbers["probe_0_pdus"], numbers["probe_0_rows"])
            assert "{rows} rows of {pdus} PDUs written, {duplicates} duplicates, {files_completed} files completed".format(
                **numbers) in program.messages
            assert one.events() == [(e.code, e.subject) for e in one.board.since(0)[0]]
            assert numbers["events_told"] == len(one.events())
            assert numbers["probe_0_heartbeats"] == numbers["heartbeats"] >= 1
        assert seen.reader.ended


def test_a_killed_one_is_told_by_the_next(tmp_path):
    """In its log, on its board and in its spool; nothing but the killed one dies. It counts from zero, as another run."""
    configuration = site(tmp_path)
    with start_collector(tmp_path, "near", name="killed.log") as killed, Hand(port_of(configuration)) as hand, \
            Seen(configuration, "near") as seen:
        hand.send(heartbeat())
        until(lambda: seen.numbers["heartbeats"] == 1, "it is heard", LIMIT_S)
        run = seen.reader.identity["run"]
        killed.process.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == killed.wait()
        until(lambda: seen.reader.ended, "its end is seen", LIMIT_S)
    readers, _ = health.running()
    assert str(configuration.path) not in [r.identity["configuration"] for r in readers]
    with start_collector(tmp_path, "near", name="next.log") as following, Seen(configuration, "near") as seen:
        assert (seen.reader.identity["run"] > run, 0) == (True, seen.numbers["heartbeats"])
        [died] = [e for e in seen.board.since(0)[0] if e.code == "previous_run_died"]
        assert died.text.startswith("tmon_collector near: the run before, begun ")
        assert died.text in following.messages
        following.process.terminate()
        assert 0 == following.wait(), following.messages
        assert ("previous_run_died", "near") in seen.events()
    assert [] == [p.name for p in health.SEGMENTS.glob(health.segment_name(configuration, "near") + "*")]
    with start_collector(tmp_path, "near", name="third.log") as third:
        assert "did not end in order" not in third.messages


def test_a_probe_with_a_key_that_is_not_known_here_is_broken(tmp_path):
    """Its datagrams come, and are rejected; with the right key it is alive."""
    configuration = site(tmp_path)
    with start_collector(tmp_path, "near", name="near.log"), Seen(configuration, "near") as seen, \
            Hand(port_of(configuration)) as hand:
        hand.send(heartbeat((new_key(""),)))
        until(lambda: seen.numbers["rejected_no_key_datagrams"] == 1, "it is rejected", LIMIT_S)
        assert (BROKEN, 1) == tuple(seen.numbers[n] for n in ("probe_0_state", "probes_broken"))
        hand.send(heartbeat())
        until(lambda: seen.numbers["probe_0_state"] == ALIVE, "it is heard", LIMIT_S)


def port_of(configuration):
    return configuration.collector_by_name["near"].port


def heartbeat(keys=(KEY,)):
    return probe_session(run=new_run(time.time_ns()), collector="near", keys=keys).close(
        HEARTBEAT, pack_heartbeat(Heartbeat(0, 0, time.time_ns(), NO_LAG)))
