"""Made-up observations of two probes, seeded; rows as they stand in spool files, and the single events that they were made of."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.unit.store.spool_files import row_of, write_file
from tmon_common.log_buckets import buckets_of

FIRST = 1_700_000_040  # 2023-11-14 22:14 UTC; three days follow
SECONDS = (*range(0, 600, 7), 3000, 3600, 7_000, 40_000, 86_400, 90_000, 200_000)
HOSTS = ("10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.9", "2001:db8::1", "2001:db8::2")
METRICS = ("dns", "icmp_echo", "tcp_data")
HOPS = ("lan", "wan", "far")
Row = dict[str, Any]


@dataclass
class Made:
    """files: kind -> rows. trips: (flow identity, metric, server, reverse, time, ns or None, error); delays: (flow identity, from,
    to, time, ns)."""

    files: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    trips: list[tuple] = field(default_factory=list)
    delays: list[tuple] = field(default_factory=list)

    def write(self, spool: Path) -> None:
        """Each kind in two files."""
        for kind, rows in self.files.items():
            for part in (0, 1):
                write_file(spool, kind, rows[part::2], f"2023111{part + 4}T000000Z", f"c{part}")


def made(seed: int = 1) -> Made:
    """The same for every seed."""
    r = random.Random(seed)
    all_ = Made()
    flows = [flow for probe in ("west", "east") for run in (1, 2) for flow in _flows(r, probe, run)]
    all_.files["flow_definition"] = [f for f in flows if f["flow"] != 9]  # one whose definition never came
    for _ in range(400):
        f = r.choice(flows)
        all_.files["ip_counters"].append(_counter(r, "ip_counters", f, packets=100, packets_rev=90, octets=10**6, octets_rev=10**5,
                                                  fragments=2))
        all_.files["tcp_counters"].append(_counter(r, "tcp_counters", r.choice(flows), segments=50, segments_rev=50, rst=2,
                                                   rst_rev=1, zero_windows=1, ece_rev=1, data_segments=40))
    for _ in range(60):
        f = r.choice(flows)
        all_.files["icmp_counters"].append(_counter(r, "icmp_counters", f, messages=9, time_exceeded_rev=2, redirect=1))
        all_.files["ftp_counters"].append(_counter(r, "ftp_counters", f, logins=3, logins_refused=1, retrievals_completed=4,
                                                   retrievals_refused=1, stores_failed=1, listings_aborted=1))
    _add_trips(r, all_, flows)
    _add_one_way(r, all_, flows)
    _add_records(r, all_, flows)
    return all_


def _flows(r: random.Random, probe: str, run: int) -> list[Row]:
    rows = []
    for number in range(1, 10):
        whole = number % 3
        src, dst = (HOSTS[0], HOSTS[0]) if number == 4 else r.sample(HOSTS[:4], 2)
        rows.append(row_of(
            "flow_definition", probe=probe, run=run, flow=number, flow_class="all" if whole else "hosts",
            interface=f"if{number % 2}", src_addr=src, dst_addr=dst, bidirectional=1, vlan=None, first_seen=FIRST * 10**9,
            **{name: r.choice(some) if whole else None
               for name, some in (("protocol", (6, 17)), ("src_port", (4000, 4001)), ("dst_port", (53, 80)))}))
    return rows


def _time(r: random.Random) -> int:
    return (FIRST + r.choice(SECONDS)) * 10**9 + r.choice((0, 1, 999_999_999))


def _of(flow: Row) -> Row:
    return {name: flow[name] for name in ("probe", "run", "flow")}


def _counter(r: random.Random, kind: str, flow: Row, **most: int) -> Row:
    return row_of(kind, **_of(flow), start=_time(r), **{name: r.choice((0, r.randint(0, n))) for name, n in most.items()})


def _add_trips(r: random.Random, made: Made, flows: list[Row]) -> None:
    groups: dict[tuple, Row] = {}
    buckets: dict[tuple, Row] = {}
    for _ in range(1500):
        f, metric, reverse = r.choice(flows), r.choice(METRICS), r.random() < 0.3
        server, start = f["src_addr"] if reverse else f["dst_addr"], _time(r) // 60_000_000_000 * 60_000_000_000
        took, error = (None if r.random() < 0.1 else int(10 ** r.uniform(3, 9))), r.random() < 0.1
        made.trips.append((tuple(_of(f).values()), metric, server, reverse, start, took, error and took is not None))
        way = "_rev" if reverse else ""
        key = (*_of(f).values(), start, metric, server)
        row = groups.setdefault(key, row_of("round_trip_histogram", **_of(f), start=start, metric=metric, responder_addr=server,
                                            histogram="h"))
        if took is None:
            row[f"unanswered{way}"] += 1
            continue
        row[f"population{way}"] += 1
        row[f"sum{way}"] += took
        row[f"errors{way}"] += error
        row[f"minimum{way}"] = min(took, *([row[f"minimum{way}"]] if row[f"minimum{way}"] is not None else [took]))
        row[f"maximum{way}"] = max(took, row[f"maximum{way}"] or 0)
        bucket = int(buckets_of([took])[0])
        buckets.setdefault((*key, bucket), row_of("round_trip_bucket", **_of(f), start=start, metric=metric, responder_addr=server,
                                                  bucket=bucket))[f"count{way}"] += 1
    made.files["round_trip_histogram"], made.files["round_trip_bucket"] = list(groups.values()), list(buckets.values())


def _add_one_way(r: random.Random, made: Made, flows: list[Row]) -> None:
    groups: dict[tuple, Row] = {}
    buckets: dict[tuple, Row] = {}
    for _ in range(60):
        f = r.choice(flows)
        lost = [r.choice((0, 0, r.randint(0, 5))) for _ in range(3)]
        counts = {name: r.choice((0, r.randint(0, 4))) for name in ("dropped", "missed", "injected")}
        complete = r.randint(0, 50)
        made.files["one_way_counters"].append(row_of(
            "one_way_counters", **_of(f), start=_time(r), packets=complete + sum(lost) + sum(counts.values()), complete=complete,
            lost=sum(lost), **counts, **{f"lost_after_{n + 1:02d}": x for n, x in enumerate(lost)}, duplicates=r.randint(0, 1),
            reordered=r.randint(0, 2), loss_periods=r.randint(0, 3), loss_period_maximum=max(lost) or None))
    for _ in range(800):
        f, (one, other) = r.choice(flows), r.sample(HOPS, 2)
        start = _time(r) // 60_000_000_000 * 60_000_000_000
        took = r.choice((1, -1)) * int(10 ** r.uniform(4, 8)) if r.random() < 0.2 else int(10 ** r.uniform(5, 8))
        made.delays.append((tuple(_of(f).values()), one, other, start, took))
        key = (*_of(f).values(), start, one, other)
        row = groups.setdefault(key, row_of(
            "one_way_delay_histogram", **_of(f), start=start, from_hop=one, to_hop=other, histogram="-",
            ipdv_population=r.randint(0, 5), ipdv_absolute_sum=r.randint(0, 10**7),
            offset_low=r.choice((None, -r.randint(0, 10**6))), offset_high=r.randint(0, 10**6)))
        row["population"] += 1
        row["sum"] += took
        row["negative"] += took < 0
        row["minimum"] = took if row["minimum"] is None else min(took, row["minimum"])
        row["maximum"] = took if row["maximum"] is None else max(took, row["maximum"])
        bucket = int(buckets_of([took])[0])
        buckets.setdefault((*key, bucket), row_of("one_way_delay_bucket", **_of(f), start=start, from_hop=one, to_hop=other,
                                                  bucket=bucket))["count"] += 1
    made.files["one_way_delay_histogram"], made.files["one_way_delay_bucket"] = list(groups.values()), list(buckets.values())


def _add_records(r: random.Random, made: Made, flows: list[Row]) -> None:
    def maybe(value: Any) -> Any:
        return r.choice((None, value, value))

    for number in range(80):
        f = r.choice(flows)
        client, server = r.sample(HOSTS, 2)
        ends = {"client_addr": client, "server_addr": server, "client_port": 4000 + number}
        made.files["tcp_connection"].append(row_of(
            "tcp_connection", **_of(f), **ends, server_port=r.choice((21, 80)), start=_time(r),
            ended_by=r.choice(("fin", "rst", "timeout", "interim")), segments=r.randint(2, 90), segments_rev=r.randint(2, 90),
            octets=maybe(r.randint(0, 10**6)), octets_rev=maybe(r.randint(0, 10**6)),
            retransmitted_octets=maybe(r.randint(0, 3000)), retransmitted_octets_rev=maybe(0), retransmitted_segments=maybe(r.randint(0, 3)),
            out_of_order_segments=maybe(1),
            duplicate_acks_rev=maybe(2), zero_windows=maybe(1), zero_window_time=maybe(10**6), syn_segments=r.randint(0, 3),
            handshake_server_rtt=maybe(r.randint(10**5, 10**8))))
        made.files["ftp_transfer"].append(row_of(
            "ftp_transfer", **_of(f), **ends, server_port=21, session=1, transfer=number, start=_time(r), command="RETR",
            user=maybe("anna"), path=maybe(f"dir/{number},\"x\"\n"), octets=maybe(r.randint(0, 10**6)),
            outcome=r.choice(("completed", "aborted", "refused")), duration=maybe(r.randint(0, 10**9)), reply_code=maybe(550)))
        made.files["dns_transaction"].append(row_of(
            "dns_transaction", **_of(f), **ends, server_port=53, time=_time(r),
            query_name=r.choice((None, "a.example", "b.example")), query_type="A",
            rcode=maybe(r.choice(("NOERROR", "NXDOMAIN", "SERVFAIL"))), retries=r.randint(0, 2)))
        made.files["event"].append(row_of(
            "event", probe=f["probe"], run=f["run"], time=_time(r), component=r.choice(("father", "child")),
            severity=r.choice(("info", "warning")), code=f"code{number % 5}", subject=maybe("eth0"), text=f"number {number}",
            details=maybe('{"n":1}')))
    for number in range(20):
        low, high = maybe(-r.randint(0, 100)), maybe(r.randint(0, 100))
        made.files["clock_offset"].append(row_of(
            "clock_offset", probe="west", run=1, start=(FIRST + 60 * number) * 10**9, end=(FIRST + 60 * number + 60) * 10**9,
            from_probe="west", to_probe=r.choice(("east", "south")), offset_low=low, offset_high=high, flow_class="one_way"))
        made.files["probe_clock"].append(row_of(
            "probe_clock", probe=r.choice(("west", "east")), run=1, time=(FIRST + 60 * number) * 10**9, collector="c1",
            offset_low=maybe(number), offset_high=maybe(number + 10)))
