"""A collector at work, without its process."""

from dataclasses import replace
from types import SimpleNamespace

from tests.pipeline.collector_process import CONFIGURATION
from tests.unit.collector.make import pdu_of
from tmon_collector.collector import Collector
from tmon_collector.receive import MAX_RECEIVED
from tmon_common.clock import FakeClock
from tmon_common.config.read import read

HERE = ("127.0.0.1", 4000)


def test_a_flood_keeps_no_file_open(tmp_path, monkeypatch):
    """Datagrams of nobody, more than can be taken, must not keep from the loader what is written."""
    (tmp_path / "tmon.xml").write_text(CONFIGURATION.format(spool=tmp_path / "spool", seal="crc"))
    configuration, clock = read(tmp_path / "tmon.xml"), FakeClock()
    collector = Collector(configuration, replace(configuration.collectors[0], port=0), clock, SimpleNamespace(switching=False))
    received = [(pdu_of(0, [1]), HERE)]
    monkeypatch.setattr(collector.receiver, "received", lambda: received)
    monkeypatch.setattr(collector.receiver, "send", lambda answers: None)
    collector._round()
    assert collector.spool.completed == 0
    received[:] = [(b"noise", HERE)] * MAX_RECEIVED
    clock.advance(3600 * 10**9)
    collector._round()
    assert len(list((tmp_path / "spool").glob("ip_counters.*.csv"))) == 1
    collector.close()
