"""Rows of a made network, by kind, as a probe and a collector would write them: frames with the columns of the kind's files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.store.site import CLASS, MINUTE_NS, PROBE, SERVICES, Site, bucket_of, mix, uniform
from tmon_common.observations import KINDS, Kind, Type
from tmon_store.read import loaded_columns

PORTS = np.array([port for port, *_ in SERVICES])
PROTOCOLS = np.array([protocol for _, protocol, _ in SERVICES])
MADE = ("flow_definition", "ip_counters", "tcp_counters", "round_trip_histogram", "round_trip_bucket", "tcp_connection",
        "dns_transaction", "ftp_transfer", "one_way_counters", "one_way_delay_bucket", "one_way_lost", "event")
"""Kinds that are made, definitions first."""
EVENT_EVERY = 30
"""Minutes."""

Given = dict[str, "np.ndarray | Sequence | int | str | None"]


def frames(site: Site, minutes: Iterable[int], kinds: Sequence[str] = MADE) -> dict[str, pl.DataFrame]:
    """Rows of these minutes after the first of the site, by kind; times and durations in ns (int64)."""
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in kinds}
    for minute in minutes:
        block = Block(site, minute)
        for name in kinds:
            given = getattr(block, name)()
            if given is not None:
                parts[name].append(frame_of(KINDS[name], site, given))
    return {name: pl.concat(some) for name, some in parts.items() if some}


def frame_of(kind: Kind, site: Site, given: Given) -> pl.DataFrame:
    """The columns given; the others are zero, or empty where they may be."""
    rows = next(len(v) for v in given.values() if isinstance(v, (np.ndarray, list)))
    given = {"probe": PROBE, "run": site.run, **given}
    unknown = set(given) - set(kind.header)
    if unknown:
        raise KeyError(f"{kind.name}: {unknown}")
    columns = {c.name: c for c in kind.expanded}
    series = []
    for name in kind.header:
        text = name == "probe" or (name in columns and columns[name].type in (Type.STRING, Type.ADDRESS))
        default = None if name in columns and columns[name].nullable else "" if text else 0
        value = given.get(name, default)
        dtype = pl.String if text else pl.Int64
        series.append(pl.Series(name, value, dtype=dtype) if isinstance(value, (np.ndarray, list))
                      else pl.repeat(value, rows, dtype=dtype, eager=True).alias(name))
    return pl.DataFrame(series)


def loaded(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """The frame as the loader has it once a file is read."""
    return frame.select(c.name for c in loaded_columns(kind))


def write(directory: Path, kind: Kind, frame: pl.DataFrame, stamp: str, collector: str = "c1") -> Path:
    """`<kind>.<collector>.<stamp>.csv`, complete at once."""
    path = directory / f"{kind.name}.{collector}.{stamp}.csv"
    part = path.with_suffix(".part")
    fractional = [c.name for c in kind.expanded if c.type.fractional]
    frame.with_columns(_text(name) for name in fractional).write_csv(part, quote_style="necessary")
    part.rename(path)
    return path


def _text(name: str) -> pl.Expr:
    value = pl.col(name)
    return pl.format("{}.{}", value // 10**9, (value % 10**9).cast(pl.String).str.zfill(9)).alias(name)


class Block:
    """One minute of a site. A method per kind gives the columns that are not their default, or None without a row."""

    def __init__(self, site: Site, minute: int) -> None:
        self._site, self._minute = site, minute
        self._flow, self._begins = site.flows_in(minute)
        self._start = site.first_ns + minute * MINUTE_NS
        self._host, self._server, self._service = site.ends(self._flow)

    def flow_definition(self) -> Given | None:
        new = self._begins
        if not new.any():
            return None
        host, server = self._addresses(new)
        return {"flow": self._flow[new], "flow_class": CLASS, "interface": "eth0", "src_addr": host,
                "dst_addr": server, "protocol": PROTOCOLS[self._service[new]],
                "dst_port": PORTS[self._service[new]], "bidirectional": 1, "first_seen": self._start}

    def ip_counters(self) -> Given:
        there, back = self._packets(1), self._packets(2)
        size = 40 + self._bits(3) % 1400
        return self._interval(self._flow) | {"packets": there, "packets_rev": back, "octets": there * 60, "octets_rev": back * size}

    def tcp_counters(self) -> Given:
        tcp = PROTOCOLS[self._service] == 6
        there, back = self._packets(1)[tcp], self._packets(2)[tcp]
        rare = self._bits(4)[tcp]
        return self._interval(self._flow[tcp]) | {
            "segments": there, "segments_rev": back, "payload_octets": there * 20, "payload_octets_rev": back * 700,
            "data_segments": there // 2, "data_segments_rev": back, "pure_acks": there - there // 2, "syn": rare % 8 // 7,
            "syn_rev": rare % 8 // 7, "fin": rare % 9 // 8, "rst": rare % 100 // 99, "rst_rev": rare % 200 // 199,
            "psh": there // 4, "psh_rev": back // 4, "zero_windows_rev": rare % 500 // 499}

    def round_trip_histogram(self) -> Given:
        of, delay = self._asked()
        lost = self._bits(5)[of] % 200 == 0
        answered = np.where(lost, 0, 1)
        return self._round_trips(of) | {
            "histogram": "delays", "population": answered, "sum": answered * delay,
            "sum_of_squares": answered * (delay // 1000) ** 2,
            "minimum": np.where(lost, None, delay).tolist(), "maximum": np.where(lost, None, delay).tolist(),
            "unanswered": 1 - answered, "slice_01": answered}

    def round_trip_bucket(self) -> Given:
        of, delay = self._asked()
        return self._round_trips(of) | {"bucket": bucket_of(delay), "count": 1}

    def tcp_connection(self) -> Given:
        of = (PROTOCOLS[self._service] == 6) & (self._bits(6) % 100 == 0)
        host, server = self._addresses(of)
        begin = self._start + self._bits(7)[of] % 50_000_000_000
        many, delay = self._packets(2)[of], self._site.delay_ns(self._server[of], self._flow[of], self._minute)
        again = np.where(self._bits(8)[of] % 10 == 0, many // 20, 0)
        ended = np.array(["fin", "fin", "fin", "rst", "timeout"])[self._bits(9)[of] % 5]
        return {"flow": self._flow[of], "client_addr": host, "client_port": 1024 + self._bits(10)[of] % 60000,
                "server_addr": server, "server_port": PORTS[self._service[of]], "start": begin,
                "established": begin + delay, "end": begin + 9_000_000_000, "ended_by": ended.tolist(), "from_start": 1,
                "segments": many, "segments_rev": many, "octets": many * 20, "octets_rev": many * 700,
                "retransmitted_segments": again, "retransmitted_segments_rev": again, "retransmitted_octets": again * 20,
                "retransmitted_octets_rev": again * 700, "zero_windows": self._bits(11)[of] % 50 // 49, "syn_segments": 1,
                "handshake_server_rtt": delay, "rtt_samples": 2, "rtt_min": delay, "rtt_mean": delay * 2, "rtt_max": delay * 3}

    def dns_transaction(self) -> Given:
        of = (PORTS[self._service] == 53) & (self._bits(6) % 10 == 0)
        host, server = self._addresses(of)
        bits = self._bits(12)[of]
        delay = self._site.delay_ns(self._server[of], self._flow[of], self._minute)
        code = np.array(["NXDOMAIN", "SERVFAIL", "NOERROR"])[np.minimum(bits % 50, 2)]
        names = np.char.add(np.char.add("host", (bits % 5000).astype(str)), ".example.org")
        silent = bits % 200 == 3
        return {"flow": self._flow[of], "time": self._start + bits % MINUTE_NS, "client_addr": host,
                "client_port": 1024 + bits % 60000, "server_addr": server, "server_port": 53,
                "id": bits % 65536, "query_name": names.tolist(), "query_type": "A",
                "latency": np.where(silent, None, delay).tolist(), "rcode": np.where(silent, None, code).tolist(),
                "answers": np.where(silent, None, 1).tolist(), "query_octets": 40,
                "response_octets": np.where(silent, None, 80).tolist(), "opcode": "QUERY", "query_class": "IN"}

    def ftp_transfer(self) -> Given:
        of = (PORTS[self._service] == 21) & (self._bits(13) % 20 == 0)
        host, server = self._addresses(of)
        bits = self._bits(14)[of]
        begin = self._start + bits % 50_000_000_000
        outcome = np.array(["aborted", "refused", "completed"])[np.minimum(bits % 20, 2)]
        return {"flow": self._flow[of], "session": self._flow[of], "transfer": self._minute * self._site.flows + np.flatnonzero(of),
                "client_addr": host, "client_port": 1024 + bits % 60000,
                "server_addr": server, "server_port": 21, "user": "anonymous", "command": "RETR",
                "path": "/pub/file", "mode": "passive", "type": "image", "octets": bits % 100_000_000, "start": begin,
                "end": begin + 5_000_000_000, "duration": 5_000_000_000, "outcome": outcome.tolist(), "fragment": 1}

    def one_way_counters(self) -> Given:
        of = self._followed()
        many, lost = self._packets(1)[of], self._bits(15)[of] % 50 // 49
        return self._interval(self._flow[of]) | {"packets": many, "octets": many * 60, "complete": many - lost, "lost": lost,
                                                 "lost_after_01": lost}

    def one_way_delay_bucket(self) -> Given:
        of = self._followed()
        delay = self._site.delay_ns(self._server[of], self._flow[of], self._minute)
        return self._interval(self._flow[of]) | {"from_hop": "inside", "to_hop": "outside", "bucket": bucket_of(delay),
                                                 "count": self._packets(1)[of]}

    def one_way_lost(self) -> Given | None:
        of = self._followed()
        of = of[self._bits(15)[of] % 50 == 49]
        if not len(of):
            return None
        return {"flow": self._flow[of], "time": self._start + self._bits(16)[of] % MINUTE_NS, "signature": self._bits(17)[of],
                "octets": 60, "after_hop": "inside", "before_hop": "outside"}

    def event(self) -> Given | None:
        if self._minute % EVENT_EVERY:
            return None
        return {"time": [self._start], "component": "collector", "severity": "warning", "code": "disk_full", "subject": "/spool",
                "text": "no room"}

    def _addresses(self, of: np.ndarray) -> tuple[list[str], list[str]]:
        """Of hosts and servers of some of the slots."""
        hosts, servers = self._site.addresses
        return hosts[self._host[of]].tolist(), servers[self._server[of]].tolist()

    def _interval(self, flow: np.ndarray) -> Given:
        return {"flow": flow, "start": self._start, "end": self._start + MINUTE_NS}

    def _round_trips(self, of: np.ndarray) -> Given:
        metric = np.where(PORTS[self._service[of]] == 53, "dns", "tcp_handshake_server")
        return self._interval(self._flow[of]) | {"metric": metric.tolist(),
                                                 "responder_addr": self._site.addresses[1][self._server[of]].tolist()}

    def _asked(self) -> tuple[np.ndarray, np.ndarray]:
        """Slots whose flow had a round trip with its server in the minute: one in thirty."""
        of = np.flatnonzero(self._bits(18) % 30 == 0)
        return of, self._site.delay_ns(self._server[of], self._flow[of], self._minute)

    def _followed(self) -> np.ndarray:
        """Slots whose flow is followed packet by packet: one in twenty, always the same."""
        return np.flatnonzero(mix(self._site.seed, 19, self._flow) % np.uint64(20) == 0)

    def _packets(self, number: int) -> np.ndarray:
        """Few in most intervals, very many in some: Pareto with index 1.2, at most ten million."""
        share = 1 - uniform(self._site.seed, 20 + number, self._flow, self._minute)
        return np.minimum(share ** (-1 / 1.2), 1e7).astype(np.int64)

    def _bits(self, number: int) -> np.ndarray:
        """63 random bits per slot, int64."""
        return (mix(self._site.seed, 40 + number, self._flow, self._minute) >> np.uint64(1)).astype(np.int64)
