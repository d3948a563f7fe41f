"""A probe with two collectors, sealed: each has its own queue and pace; one that is away is told to the other, and gets all."""

from __future__ import annotations

import csv
from collections import Counter

from tests.keys import key_file
from tests.pipeline.probe_process import LIMIT_S, Probe, free_port, recording, start_collector, until
from tmon_common.config.read import read

CONFIGURATION = """<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="all">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port vlan"/>
      <analysis kind="ip_counters" interval="1s"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="near" address="127.0.0.1" port="{near}"><spool directory="near" rotate="1h"/></collector>
    <collector name="far" address="127.0.0.1" port="{far}"><spool directory="far" rotate="1h"/></collector>
  </collectors>
  <probes>
    <probe name="probe">
      <interface name="lan" capture="replay"><file path="a.pcap"/></interface>
      <publish collector="near" max_build="100ms"/>
      <publish collector="far" max_build="300ms" max_pdu="300" min_gap="2ms" max_rate="2Mbit/s" initial_timeout="50ms"
               timeout_increment="50ms" max_retries="2" heartbeat="200ms"/>
    </probe>
  </probes>
</trafmon>
"""
PACKETS, FLOWS = 3000, 700


def rows(spool, kind):
    """Lines of a kind, what the collector says of itself apart."""
    found = []
    for path in spool.glob(f"{kind}.*.csv"):
        with path.open(newline="") as file:
            found += [tuple(r.values()) for r in csv.DictReader(file) if r.get("component") != "collector"]
    return Counter(found)


def test_one_that_comes_later_gets_everything(tmp_path):
    """The near one has its rows meanwhile, and the event that the far one does not answer; at the end both have the same."""
    recording(tmp_path / "a.pcap", PACKETS, FLOWS)
    key_file(tmp_path)
    (tmp_path / "tmon.xml").write_text(CONFIGURATION.format(near=free_port(), far=free_port()))
    with start_collector(tmp_path, "near", name="near.log") as near, \
            Probe(tmp_path, read(tmp_path / "tmon.xml"), "-l", name="probe.log") as probe:
        until(lambda: "collector far at 127.0.0.1" in probe.messages, "the broken link is told", LIMIT_S)
        until(lambda: list((tmp_path / "near").glob("ip_counters.*")), "the near one has rows", LIMIT_S)
        assert probe.process.poll() is None
        with start_collector(tmp_path, "far", name="far.log") as far:
            assert probe.wait(60) == 0, probe.messages
            for collector in (near, far):
                collector.process.terminate()
                assert collector.wait() == 0, collector.messages
    for kind in ("flow_definition", "ip_counters", "event"):
        assert rows(tmp_path / "near", kind) == rows(tmp_path / "far", kind)
    assert len(rows(tmp_path / "far", "flow_definition")) >= FLOWS
    codes = Counter(r[6] for r in rows(tmp_path / "near", "event"))
    assert (codes["link_lost"], codes["link_back"]) == (1, 1)
    assert not codes["observations_given_up"]
