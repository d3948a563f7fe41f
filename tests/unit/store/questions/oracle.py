"""What questions have to answer, counted slowly from the rows of the files.

Of what is tested, nothing but the list of known ports is used here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracles.volume_twin import service_of
from tests.unit.store.questions.made import Made, Row
from tmon_store import protocol_port

STEP_NS = {"1min": 60 * 10**9, "1h": 3600 * 10**9, "1day": 86400 * 10**9}
WHAT = ("probe", "flow_class", "interface", "src_addr", "src_port", "dst_addr", "dst_port", "protocol", "vlan", "dscp")
UNDEFINED: Row = dict.fromkeys((*WHAT, "bidirectional"))


@dataclass
class Asked:
    """since, until: epoch ns; numbers: (probe, run, flow) -> flow_key, as the database numbered."""

    made: Made
    numbers: dict[tuple, int]
    since: int = 0
    until: int = 1 << 62
    granularity: str = "1day"
    probe: str | None = None
    flow_class: str | None = None
    addresses: tuple[str, ...] = ()
    flow: int | None = None

    def __post_init__(self) -> None:
        self.defined = {(f["probe"], f["run"], f["flow"]): f for f in self.made.files["flow_definition"]}

    def described(self, row: Row | tuple) -> Row:
        """The flow of a row."""
        identity = row if isinstance(row, tuple) else (row["probe"], row["run"], row["flow"])
        found = self.defined.get(identity, UNDEFINED | {"probe": identity[0]})
        return {**{n: found[n] for n in (*WHAT, "bidirectional")}, "number": self.numbers[identity]}

    def same_flow(self, flow: Row) -> bool:
        """It is the flow asked for, but for its number."""
        if self.flow is None:
            return True
        asked = self.described(next(identity for identity, number in self.numbers.items() if number == self.flow))
        return all(asked[n] == flow[n] for n in WHAT)

    def rows(self, kind: str, time: str = "start", ends: tuple[str, ...] = ()) -> Iterable[tuple[Row, Row]]:
        """Rows that are asked about, each with its flow. ends: its own addresses, instead of those of the flow."""
        for row in self.made.files[kind]:
            if self.wanted(flow := self.described(row), row[time], [row[n] for n in ends]):
                yield row, flow

    def wanted(self, flow: Row, time: int, ends: list[str]) -> bool:
        ends = ends or [flow["src_addr"], flow["dst_addr"]]
        return (self.since <= time < self.until and self.probe in (None, flow["probe"])
                and self.flow_class in (None, flow["flow_class"]) and self.same_flow(flow)
                and (not self.addresses or any(end in self.addresses for end in ends)))

    def start(self, time: int) -> datetime:
        """Of the interval that the time lies in."""
        step = STEP_NS[self.granularity]
        return datetime(1970, 1, 1) + timedelta(seconds=time // step * step // 10**9)  # noqa: DTZ001


def moment(ns: int) -> datetime:
    """UTC, microseconds."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)).replace(tzinfo=None)


def last_if_empty(row: Iterable[Any]) -> tuple:
    """To sort by."""
    return tuple((v is None, v) for v in row)


def grouped(pairs: Iterable[tuple[tuple, Any]]) -> dict[tuple, list]:
    """key -> values."""
    found: dict[tuple, list] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def summed(rows: list[Row], *names: str) -> int:
    """Of these columns, what is empty counting nothing."""
    return sum(row[n] or 0 for row in rows for n in names)


def both(name: str) -> tuple[str, str]:
    return name, f"{name}_rev"


def identities(rows: list[Row]) -> int:
    return len({(r["probe"], r["run"], r["flow"]) for r in rows})


def by_what(names: tuple[str, ...]) -> Callable[[Asked], list[tuple]]:
    """classes, protocols."""
    def answer(asked: Asked) -> list[tuple]:
        groups = grouped((tuple(f[n] for n in names), row) for row, f in asked.rows("ip_counters"))
        rows = [(*key, identities(r), summed(r, *both("packets")), summed(r, *both("octets"))) for key, r in groups.items()]
        return sorted(rows, key=lambda r: (-r[-1], -r[-2], last_if_empty(r[:len(names)])))
    return answer


def services(asked: Asked) -> list[tuple]:
    known = {(protocol, port): (service, precedence) for protocol, port, service, precedence in protocol_port.rows()}
    groups = grouped(((f["probe"], f["flow_class"], service_of(f, None, known)[0]), row) for row, f in asked.rows("ip_counters"))
    rows = [(*key, identities(r), summed(r, *both("packets")), summed(r, *both("octets"))) for key, r in groups.items()]
    return sorted(rows, key=lambda r: (-r[-1], -r[-2], last_if_empty(r[:3])))


def talkers(asked: Asked) -> list[tuple]:
    groups = defaultdict(list)
    for row, f in asked.rows("ip_counters"):
        for address in {f["src_addr"], f["dst_addr"]} - {None}:
            sent = ["", "_rev"] if f["src_addr"] == f["dst_addr"] else [""] if address == f["src_addr"] else ["_rev"]
            received = ["", "_rev"] if f["src_addr"] == f["dst_addr"] else ["_rev"] if address == f["src_addr"] else [""]
            if not asked.addresses or address in asked.addresses:
                groups[f["probe"], f["flow_class"], address].append((row, sent, received))
    rows = []
    for key, found in groups.items():
        def count(name: str, way: int, found: list = found) -> int:
            return sum(f[0][name + suffix] for f in found for suffix in f[way])
        octets, packets = (summed([f[0] for f in found], *both(n)) for n in ("octets", "packets"))
        rows.append((*key, identities([f[0] for f in found]), count("packets", 1), count("octets", 1), count("packets", 2),
                     count("octets", 2), packets, octets))
    return sorted(rows, key=lambda r: (-r[-1], -r[-2], r[2], r[0], r[1] or ""))


def conversations(asked: Asked) -> list[tuple]:
    groups = grouped((tuple(f[n] for n in WHAT), (row, f["number"])) for row, f in asked.rows("ip_counters"))
    rows = []
    for key, found in groups.items():
        counters = [row for row, _ in found]
        rows.append((min(n for _, n in found), *key, identities(counters),
                     *(summed(counters, n) for n in ("packets", "packets_rev", "octets", "octets_rev"))))
    return sorted(rows, key=lambda r: (-r[-1] - r[-2], -r[-3] - r[-4], last_if_empty(r[1:11])))


def traffic(asked: Asked) -> list[tuple]:
    groups = grouped(((asked.start(row["start"]), f["probe"], f["flow_class"]), row) for row, f in asked.rows("ip_counters"))
    seconds = STEP_NS[asked.granularity] // 10**9
    rows = []
    for key, found in groups.items():
        counts = [summed(found, n) for n in ("packets", "packets_rev", "octets", "octets_rev")]
        rows.append((*key, identities(found), *counts, (counts[2] + counts[3]) * 8 // seconds))
    return sorted(rows, key=lambda r: last_if_empty(r[:3]))


def rank(values: list[int], percent: int) -> int:
    """The nearest rank."""
    return sorted(values)[max(math.ceil(percent * len(values) / 100), 1) - 1]


def _trips(asked: Asked, requester: bool) -> dict[tuple, list]:
    found = []
    for identity, metric, server, _, time, took, error in asked.made.trips:
        f = asked.described(identity)
        if asked.wanted(f, time, [f["src_addr"], f["dst_addr"], server]):
            other = {f["src_addr"]: f["dst_addr"]} | {f["dst_addr"]: f["src_addr"]}
            other = other.get(server)
            found.append(((f["probe"], f["flow_class"], metric, *([other] if requester else []), server), (took, error)))
    return grouped(found)


def _of_trips(trips: list[tuple]) -> tuple:
    took = [t for t, _ in trips if t is not None]
    return took, len(trips) - len(took), sum(error for _, error in trips)


def round_trips(asked: Asked) -> dict[tuple, tuple]:
    """Key -> the rest; percentiles are the true ones."""
    found = {}
    for key, trips in _trips(asked, requester=True).items():
        took, unanswered, errors = _of_trips(trips)
        marks = (min(took), sum(took) / len(took), *(rank(took, p) for p in (50, 95, 99)), max(took)) if took else (None,) * 6
        found[key] = (len(took), *marks, unanswered, errors)
    return found


def slow_servers(asked: Asked) -> dict[tuple, tuple]:
    whole = grouped((key[:3], t) for key, trips in _trips(asked, requester=False).items() for t, _ in trips if t is not None)
    found = {}
    for key, trips in _trips(asked, requester=False).items():
        took, unanswered, errors = _of_trips(trips)
        others = whole.get(key[:3], [])
        usual = rank(others, 50) if len(others) >= 100 else None
        marks = (min(took), sum(took) / len(took), rank(took, 50), usual, rank(took, 95), max(took)) if took else (
            None, None, None, usual, None, None)
        found[key] = (len(took), *marks, unanswered, errors)
    return found


WAY = ("flow_class", "src_addr", "src_port", "dst_addr", "dst_port", "protocol")


def lost(asked: Asked) -> list[tuple]:
    groups = grouped((tuple(f[n] for n in WAY), (row, f["number"])) for row, f in asked.rows("one_way_counters"))
    rows = []
    for key, found in groups.items():
        counters = [row for row, _ in found]
        packets, gone = summed(counters, "packets"), summed(counters, "lost")
        longest = max((r["loss_period_maximum"] for r in counters if r["loss_period_maximum"] is not None), default=None)
        rows.append((min(n for _, n in found), *key, packets, summed(counters, "complete"), gone,
                     gone / packets if packets else None, *(
                         summed(counters, n) for n in ("dropped", "missed", "injected", "duplicates", "reordered", "loss_periods")),
                     longest))
    return sorted(rows, key=lambda r: (-r[9], -r[7], last_if_empty(r[1:7])))


def lost_after(asked: Asked) -> list[tuple]:
    rows = []
    for (name,), found in sorted(grouped(((f["flow_class"],), row) for row, f in asked.rows("one_way_counters")).items(),
                                 key=lambda item: last_if_empty(item[0])):
        rows += [(name, hop, None, count, count / summed(found, "packets"), count / summed(found, "lost"))
                 for hop in range(1, 9) if (count := summed(found, f"lost_after_{hop:02d}"))]
    return rows


def delays(names: tuple[str, ...]) -> Callable[[Asked], dict[tuple, tuple]]:
    def answer(asked: Asked) -> dict[tuple, tuple]:
        groups = grouped(((*(asked.described(i)[n] for n in names), one, other), took) for i, one, other, time, took in
                         asked.made.delays if asked.wanted(asked.described(i), time, []))
        sums = grouped(((*(f[n] for n in names), row["from_hop"], row["to_hop"]), row)
                       for row, f in asked.rows("one_way_delay_histogram"))
        found = {}
        for key, took in groups.items():
            pairs, varied = summed(sums[key], "ipdv_population"), summed(sums[key], "ipdv_absolute_sum")
            low = [r["offset_low"] for r in sums[key] if r["offset_low"] is not None]
            high = [r["offset_high"] for r in sums[key] if r["offset_high"] is not None]
            found[key] = (len(took), min(took), sum(took) / len(took), *(rank(took, p) for p in (50, 95, 99)), max(took),
                          varied / pairs if pairs else None, sum(t < 0 for t in took), max(low, default=None),
                          min(high, default=None))
        return found
    return answer


def clocks(asked: Asked) -> list[tuple]:
    bounds: dict[tuple, list] = defaultdict(list)
    for row in asked.made.files["clock_offset"]:
        if asked.since <= row["start"] < asked.until and asked.flow_class in (None, "one_way") and (
                asked.probe in (None, row["from_probe"], row["to_probe"])):
            bounds["packets", row["from_probe"], row["to_probe"]].append((row, row["start"], row["end"]))
    for row in asked.made.files["probe_clock"]:
        if asked.since <= row["time"] < asked.until and asked.flow_class is None and asked.probe in (None, row["probe"]):
            bounds["heartbeats", row["probe"], row["collector"]].append((row, row["time"], row["time"]))
    rows = []
    for key, found in bounds.items():
        lows = [r["offset_low"] for r, *_ in found if r["offset_low"] is not None]
        highs = [r["offset_high"] for r, *_ in found if r["offset_high"] is not None]
        steady = not lows or not highs or max(lows) <= min(highs)
        low, high = (max(lows, default=None), min(highs, default=None)) if steady else (min(lows), max(highs))
        middle, bound = (None, None) if low is None or high is None else ((low + high) // 2, math.ceil((high - low) / 2))
        rows.append((*key, low, high, middle, bound, "yes" if steady else "no", len(found), moment(min(b for _, b, _ in found)),
                     moment(max(e for *_, e in found))))
    return sorted(rows)


def tcp_trouble(asked: Asked) -> list[tuple]:
    groups = grouped(((f["probe"], f["flow_class"], row["server_addr"], row["server_port"]), row) for row, f in
                     asked.rows("tcp_connection", ends=("client_addr", "server_addr")) if row["ended_by"] != "interim")
    rows = []
    for key, found in groups.items():
        octets, again = summed(found, *both("octets")), summed(found, *both("retransmitted_octets"))
        shakes = [r["handshake_server_rtt"] for r in found if r["handshake_server_rtt"] is not None]
        rows.append((*key, len(found), sum(r["ended_by"] == "rst" for r in found), sum(r["ended_by"] == "timeout" for r in found),
                     octets, again, again / octets if octets else None, summed(found, *both("retransmitted_segments")),
                     summed(found, *both("segments")), summed(found, *both("out_of_order_segments")),
                     summed(found, *both("duplicate_acks")), summed(found, *both("zero_windows")),
                     summed(found, *both("zero_window_time")), sum(max(r["syn_segments"] - 1, 0) for r in found),
                     math.floor(sum(shakes) / len(shakes) + 0.5) if shakes else None, max(shakes, default=None)))
    return sorted(rows, key=lambda r: (-r[8], -r[5], -r[4], last_if_empty(r[:4])))


def tcp_resets(asked: Asked) -> list[tuple]:
    groups = grouped((tuple(f[n] for n in WHAT), (row, f["number"])) for row, f in asked.rows("tcp_counters"))
    rows = []
    for key, found in groups.items():
        counts = [summed([r for r, _ in found], *both(n)) for n in ("segments", "data_segments", "rst", "zero_windows", "ece")]
        if sum(counts[2:]):
            rows.append((min(n for _, n in found), *key, *counts))
    return sorted(rows, key=lambda r: (-sum(r[-3:]), -r[-5], last_if_empty(r[1:11])))


def failed_transfers(asked: Asked) -> list[tuple]:
    names = ("client_addr", "server_addr", "user", "command", "path", "octets", "announced_octets", "duration", "outcome",
             "reply_code")
    rows = [(f["probe"], f["flow_class"], moment(row["start"]), *(row[n] for n in names),
        row["run"], row["transfer"]) for row, f in asked.rows("ftp_transfer", ends=("client_addr", "server_addr"))
        if row["outcome"] != "completed"]
    rows.sort(key=lambda r: (r[0], r[1] is None, r[1], r[-2], r[-1]))
    return [r[:-2] for r in sorted(rows, key=lambda r: r[2], reverse=True)]


def dns_failures(asked: Asked) -> list[tuple]:
    groups = grouped(((f["probe"], f["flow_class"], row["server_addr"], row["query_name"], row["query_type"],
                       row["rcode"] or "no response"), row)
                     for row, f in asked.rows("dns_transaction", "time", ("client_addr", "server_addr"))
                     if row["rcode"] != "NOERROR")
    rows = [(*key, len(found), len({r["client_addr"] for r in found}), summed(found, "retries"),
             moment(min(r["time"] for r in found)), moment(max(r["time"] for r in found))) for key, found in groups.items()]
    return sorted(rows, key=lambda r: (-r[6], last_if_empty(r[:6])))


def events(asked: Asked) -> list[tuple]:
    found = [row for row in asked.made.files["event"] if asked.since <= row["time"] < asked.until
             and asked.probe in (None, row["probe"])]
    found.sort(key=lambda r: last_if_empty(r[n] for n in ("probe", "run", "component", "code", "subject", "text", "details")))
    found.sort(key=lambda r: moment(r["time"]), reverse=True)
    return [(moment(r["time"]), *(r[n] for n in ("probe", "component", "severity", "code", "subject", "text", "details")))
            for r in found]


_ICMP = ("destination_unreachable", "packet_too_big", "time_exceeded", "parameter_problem", "redirect", "source_quench")
_FTP = {how: [f"{what}_{how}" for what in ("retrievals", "stores", "listings")]
        for how in ("completed", "aborted", "refused", "failed")}
_TRANSFERS = [name for names in _FTP.values() for name in names]
SIGNS: dict[str, tuple[str, list[str], list[str]]] = {
    "tcp_resets": ("tcp_counters", ["rst", "rst_rev"], ["segments", "segments_rev"]),
    "tcp_zero_windows": ("tcp_counters", ["zero_windows", "zero_windows_rev"], ["segments", "segments_rev"]),
    "tcp_congestion_echoes": ("tcp_counters", ["ece", "ece_rev"], ["segments", "segments_rev"]),
    **{f"icmp_{n}": ("icmp_counters", [n, f"{n}_rev"], ["messages", "messages_rev"]) for n in _ICMP},
    "unanswered": ("round_trip_histogram", ["unanswered", "unanswered_rev"],
                   ["unanswered", "unanswered_rev", "population", "population_rev"]),
    "error_answers": ("round_trip_histogram", ["errors", "errors_rev"], ["population", "population_rev"]),
    "ftp_logins_refused": ("ftp_counters", ["logins_refused"], ["logins", "logins_refused"]),
    "ftp_refused": ("ftp_counters", _FTP["refused"], _TRANSFERS),
    "ftp_broken": ("ftp_counters", _FTP["aborted"] + _FTP["failed"], _TRANSFERS),
    **{f"one_way_{n}": ("one_way_counters", [n], ["packets"]) for n in (
        "lost", "dropped", "missed", "injected", "duplicated", "reordered")},
}


def errors(asked: Asked) -> list[tuple]:
    rows = []
    for name, (kind, counted, of) in SIGNS.items():
        flows = grouped(((row["probe"], row["run"], row["flow"]), row) for row, _ in asked.rows(kind))
        classes = grouped(((asked.described(i)["probe"], asked.described(i)["flow_class"]), found) for i, found in flows.items())
        for key, found in classes.items():
            every = [row for each in found for row in each]
            count, whole = summed(every, *counted), summed(every, *of)
            if count:
                rows.append((*key, name, count, count / whole if whole else None, sum(summed(f, *counted) > 0 for f in found)))
    return sorted(rows, key=lambda r: (-r[3], r[2], last_if_empty(r[:2])))


def flow_errors(asked: Asked) -> list[tuple]:
    """Intervals are those with packets, too: a flow with one ICMP error in a day has one bad interval of many."""
    rows = []
    seen = grouped((tuple(f[n] for n in WHAT), (asked.start(row["start"]), f["number"])) for row, f in asked.rows("ip_counters"))
    for name, (kind, counted, of) in SIGNS.items():
        flows = grouped((tuple(f[n] for n in WHAT), (row, f["number"])) for row, f in asked.rows(kind))
        for key, found in flows.items():
            counters = [row for row, _ in found]
            count, whole = summed(counters, *counted), summed(counters, *of)
            each = grouped((asked.start(row["start"]), row) for row in counters)
            touched = sorted(start for start, r in each.items() if summed(r, *counted))
            if not count:
                continue
            passed = seen.get(key, [])
            intervals = len({*each, *(start for start, _ in passed)})
            course = "one interval" if intervals == 1 else "permanent" if len(touched) >= 0.9 * intervals else (
                "once" if len(touched) == 1 else "intermittent")
            rows.append((min(n for _, n in (*found, *passed)), *key, name, count, count / whole if whole else None, intervals,
                         len(touched), len(touched) / intervals, course, touched[0], touched[-1]))
    return sorted(rows, key=lambda r: (-r[12], r[11], last_if_empty(r[1:11])))


def loaded(asked: Asked) -> dict[str, tuple]:
    """Kind -> files, rows."""
    return {kind: (2, len(rows)) for kind, rows in asked.made.files.items()}


def gaps(asked: Asked) -> list[tuple]:
    rows = []
    step = timedelta(seconds=STEP_NS[asked.granularity] // 10**9)
    for (probe,), starts in grouped(((f["probe"],), asked.start(row["start"])) for row, f in asked.rows("ip_counters")).items():
        at = min(starts)
        while at < max(starts):
            begin = at = at + step
            while at not in starts:
                at += step
            if at > begin:
                rows.append((probe, begin, at, int((at - begin).total_seconds()) * 10**9))
    return sorted(rows, key=lambda r: (-r[3], r[1], r[0]))


def story(asked: Asked) -> dict[datetime, dict[str, Any]]:
    """Interval -> column -> value, percentiles apart."""
    found: dict[datetime, dict[str, Any]] = defaultdict(lambda: defaultdict(int))
    columns = {"packets": ("ip_counters", ["packets"]), "packets_rev": ("ip_counters", ["packets_rev"]),
               "octets": ("ip_counters", ["octets"]), "octets_rev": ("ip_counters", ["octets_rev"]),
               "tcp_resets": SIGNS["tcp_resets"][:2], "tcp_zero_windows": SIGNS["tcp_zero_windows"][:2],
               "icmp_errors": ("icmp_counters", [f"{n}{way}" for n in _ICMP for way in ("", "_rev")]),
               "ftp_errors": ("ftp_counters", ["logins_refused", *_FTP["aborted"], *_FTP["refused"], *_FTP["failed"]]),
               "round_trips": ("round_trip_histogram", ["population", "population_rev"]), "unanswered": SIGNS["unanswered"][:2],
               "error_answers": SIGNS["error_answers"][:2], "followed": ("one_way_counters", ["packets"]),
               **{n: ("one_way_counters", [n]) for n in ("lost", "dropped", "reordered")}}
    for name, (kind, counted) in columns.items():
        for row, _ in asked.rows(kind):
            found[asked.start(row["start"])][name] += summed([row], *counted)
    for row, _ in asked.rows("tcp_connection"):
        again = summed([row], *both("retransmitted_octets"))
        if row["ended_by"] != "interim" and again:
            found[asked.start(row["start"])]["retransmitted_octets"] += again
    for identity, _, _, _, time, took, _ in asked.made.trips:
        if asked.wanted(asked.described(identity), time, []) and took is not None:
            found[asked.start(time)].setdefault("took", []).append(took)
    return found


EXACT: dict[str, Callable[[Asked], list[tuple]]] = {
    "classes": by_what(("probe", "flow_class")), "protocols": by_what(("probe", "flow_class", "protocol")), "talkers": talkers,
    "services": services, "conversations": conversations, "traffic": traffic, "lost": lost,
    "lost-after": lost_after, "clocks": clocks,
    "tcp-trouble": tcp_trouble, "tcp-resets": tcp_resets, "failed-transfers": failed_transfers, "dns-failures": dns_failures,
    "events": events, "errors": errors, "flow-errors": flow_errors, "gaps": gaps}
"""Question: all of its rows, in their order."""
NEAR: dict[str, tuple[Callable[[Asked], dict[tuple, tuple]], int, int]] = {
    "round-trips": (round_trips, 5, 5), "slow-servers": (slow_servers, 4, 4), "one-way-delays": (delays(("flow_class",)), 3, 0),
    "slow-flows": (delays(WAY), 8, 5)}
"""Question: its rows by key, columns of the key, and the column by which they descend, counted behind the key (0: none)."""


