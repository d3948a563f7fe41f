"""Rows of the kind tcp_connection, as the analyser publishes them."""

from dataclasses import replace

import numpy as np

from tests.pipeline_in_process import FIVE_TUPLE, as_record, chain_of
from tests.unit.child.tcp.segments import CLIENT, FIN, MS, SECOND, SERVER, START, SYN, handshake, segment
from tmon_common.config.model import Analysis, Filter, FlowClass, GranularFlow
from tmon_common.observations import TCP_CONNECTION
from tmon_probe.child.chain import MAX_BATCH

HOSTS = GranularFlow("hosts", frozenset(("src_addr", "dst_addr")))
LIFE = [*handshake(), segment(40, 0, 101, 501, 1000), segment(60, 1, 501, 1101), segment(240, 0, 1101, 501, 500),
        segment(1040, 0, 1101, 501, 500), segment(1050, 0, 1601, 501, flags=FIN), segment(1060, 1, 501, 1602, flags=FIN)]


class Published:
    def __init__(self, *flows: GranularFlow, **options: str) -> None:
        analysis = Analysis("tcp_connection", options=tuple(options.items()))
        self.rows: list[dict] = []
        self.flows: dict[int, str] = {}
        self.chain = chain_of((FlowClass("all", Filter(), flows or (FIVE_TUPLE,), (analysis,)),), self._take)

    def _take(self, rows) -> None:
        if rows.kind is TCP_CONNECTION:
            self.rows += [as_record(rows, i) for i in range(len(rows))]

    def process(self, records: list[np.ndarray]) -> "Published":
        self.chain.process(np.concatenate(records)[:MAX_BATCH])
        return self

    def finish(self) -> list[dict]:
        self.chain.finish()
        return self.rows


def test_a_row_tells_the_connection():
    """Every column that is not a plain count."""
    row = Published().process(LIFE).finish()[0]
    assert ("10.0.0.1", CLIENT[1], "10.0.0.2", SERVER[1]) == (
        str(row["client_addr"]), row["client_port"], str(row["server_addr"]), row["server_port"])
    assert ("fin", "client", 1, 0) == (row["ended_by"], row["closed_by"], row["from_start"], row["simultaneous_open"])
    assert (START, START + 30 * MS, START + 1060 * MS) == (row["start"], row["established"], row["end"])
    assert (20 * MS, 10 * MS) == (row["handshake_server_rtt"], row["handshake_client_rtt"])
    assert (2000, 1500, 750_000_000) == (row["octets"], row["unique_octets"], row["efficiency"])
    assert 1500 * 8 == row["throughput"]  # within the second from the first data segment to the last
    assert (1, 20 * MS, 20 * MS, 20 * MS) == (row["rtt_samples"], row["rtt_min"], row["rtt_mean"], row["rtt_max"])


def test_what_is_not_known_is_empty():
    row = Published().process([segment(0, 0, 5, 5, 10)]).finish()[0]
    names = ("established", "closed_by", "window_scale", "mss", "handshake_server_rtt", "handshake_client_rtt", "rtt_min",
             "rtt_max",
             "rtt_mean", "throughput", "efficiency_rev", "throughput_rev", "largest_window_rev", "window_scale_rev")
    assert dict.fromkeys(names) == {n: row[n] for n in names}
    assert (1_000_000_000, 10, 0) == (row["efficiency"], row["octets"], row["octets_rev"])


def test_every_granular_flow_has_its_row():
    """The flow is that of the first segment; connections of one flow share it, connections replaced within a batch too."""
    published = Published(FIVE_TUPLE, HOSTS)
    published.process([*LIFE, *handshake(9000, 70, at_ms=2000), *handshake(at_ms=3000, client=(CLIENT[0], 1234))])
    rows = published.finish()
    assert [2, 2, 2] == [len({r["flow"] for r in rows if (r["client_port"], r["start"]) == key})
                         for key in sorted({(r["client_port"], r["start"]) for r in rows})]
    assert 6 == len(rows)


def test_connections_outside_the_class_have_no_row():
    """FTP data connections that only the analysis of FTP follows."""
    from tmon_probe.records import FTP_PEERS

    published = Published()
    published.chain._connections[0].follow_ftp_data()
    outside = [replace_class(record, FTP_PEERS) for record in handshake(client=(CLIENT[0], 20))]
    rows = published.process([*outside, *LIFE]).finish()
    assert [CLIENT[1]] == [r["client_port"] for r in rows]


def replace_class(record: np.ndarray, flag: int) -> np.ndarray:
    record["class_mask"], record["ftp_mask"] = 0, 1
    record["flags"] |= flag
    return record


def test_boundaries():
    """Volume by sequence numbers, over the time from SYN to FIN; empty where these cannot tell."""
    rows = Published(mode="boundaries", line_rate="1Gbit/s").process([LIFE[0], LIFE[1], *LIFE[3:7], LIFE[7]]).finish()
    assert (1500, 1500, round(1500 * 8 / 1.05)) == (rows[0]["octets"], rows[0]["unique_octets"], rows[0]["throughput"])
    assert (None, None, None) == (rows[0]["octets_rev"], rows[0]["unique_octets_rev"], rows[0]["efficiency_rev"])
    assert (2, 1) == (rows[0]["segments"], rows[0]["segments_rev"])
    for name in ("retransmitted_octets", "missing_octets", "data_segments", "efficiency", "rtt_min", "largest_window"):
        assert [None, None] == [rows[0][name], rows[0][f"{name}_rev"]]
    assert rows[0]["longest_silence"] is None


def test_options_reach_the_tracker():
    from tmon_probe.child.tcp.settings import settings_of

    found = settings_of((Analysis("tcp_connection", options=(("idle_timeout", "5s"), ("mode", "boundaries"))), Analysis("ftp")))
    assert (5 * SECOND, False, False) == (found.idle_timeout_ns, found.boundaries, found.ftp_boundaries)
    both = settings_of((Analysis("tcp_connection", options=(("mode", "boundaries"),)),
                        Analysis("ftp", options=(("mode", "boundaries"),))))
    assert replace(settings_of(()), boundaries=True, ftp_boundaries=True) == both


def test_throughput_that_cannot_be():
    """By boundaries: a FIN right after the SYN says that 2 GiB went by in a nanosecond. Large, and no error."""
    records = [segment(0, 0, 0, flags=SYN), segment(0.000001, 0, 2**31 + 1, flags=FIN)]
    [row] = Published(mode="boundaries").process(records).finish()
    assert (2**31, 2**62) == (row["octets"], row["throughput"])
