"""A flood of SYNs to port 21: memory stays where the maxima put it, and what was given up is counted."""

import numpy as np

from tests.pipeline_in_process import FIVE_TUPLE
from tmon_common.config.model import SECOND, Analysis, Configuration, Filter, FlowClass, Interface, Probe
from tmon_probe import records as r
from tmon_probe.child.analysers.load import factories_of
from tmon_probe.child.chain import Chain
from tmon_probe.child.ftp import counts
from tmon_probe.child.ftp.reader import MANY_ENDS
from tmon_probe.records import PACKET

START = 1_700_000_000 * SECOND
SESSIONS, BATCH, BATCHES = 16, 4096, 12


def syns(number: int) -> np.ndarray:
    """PACKET (BATCH,), each from another host."""
    out = np.zeros(BATCH, PACKET)
    out["time_ns"] = START + np.arange(number * BATCH, (number + 1) * BATCH) * 1000
    out["src_lo"] = 0xFFFF0A000000 + np.arange(number * BATCH, (number + 1) * BATCH)
    out["dst_lo"] = 0xFFFFC0000201
    out["src_port"], out["dst_port"], out["protocol"], out["ip_version"] = 40_000, 21, 6, 4
    out["class_mask"], out["tcp_flags"], out["ip_octets"], out["service"] = 1, 2, 40, 1
    out["flags"] = r.HAS_PORTS | r.HAS_TCP | r.SERVICE
    return out


def test_a_flood_of_syns(monkeypatch):
    """Sessions, what is known of their connections, and open rows of ftp_counters; every session is counted in the end."""
    monkeypatch.setattr(counts, "MAX_OPEN_ROWS", 10_000)
    flow_class = FlowClass("ftp", Filter(), (FIVE_TUPLE,), (Analysis("ftp", options=(("max_sessions", str(SESSIONS)),)),))
    probe = Probe("p", (Interface("i"),), (), classes=("ftp",))
    published = []
    chain = Chain(Configuration(None, (probe,), classes=(flow_class,)), probe, factories_of((flow_class,)),
                  lambda rows: published.extend(rows.values["sessions"]) if rows.kind.name == "ftp_counters" else None)
    [of_class] = chain._analysers[0].analyser._classes
    for number in range(BATCHES):
        chain.process(syns(number))
        chain.flush(START)
        assert len(of_class.dialogues) <= SESSIONS
        assert len(of_class._reader._controls) <= 2 * SESSIONS + MANY_ENDS
        assert sum(map(len, of_class._counts.rows)) <= 10_000 + BATCH
    assert chain.counters()["ftp_sessions_evicted"] == BATCH * BATCHES - SESSIONS
    assert chain.counters()["ftp_counters_published_early"] > 0
    chain.finish()
    assert sum(published) == BATCH * BATCHES
