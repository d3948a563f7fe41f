"""Compares ledger and database, and looks whether anything grew. Says all that is wrong, some of it in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from statistics import median
from typing import TypeVar

from tests.soak.figures import Figures
from tests.soak.ledger import BOTH, WEST, Connection, Count, Flow, Ledger, Query
from tests.soak.samples import Sample, Samples
from tests.soak.site import COLLECTOR, LOADER
from tests.soak.topology import NOWHERE4, NOWHERE6
from tests.soak.trend import second_half, slope
from tests.soak.watchers import Watched

MAX_GROWTH_OCTETS = 2 << 20
"""Of what a process has allocated, over the second half of the run by its trend. However long the run: the longer it is, the slower
a leak that is found."""
MORE_GROWTH_OCTETS = {LOADER: 32 << 20, COLLECTOR: 4 << 20}
"""The loader: what DuckDB and polars keep between two loads depends on their size, and settles after some minutes. The collector:
rows are gathered in buffers of fixed size, of which memory is taken as far as the largest batch so far went."""
MAX_SHARED_OCTETS = 8 << 20
"""Of a process: the ring of a probe, which is there once it has gone round, and its counters."""
MAX_MORE_DESCRIPTORS, MAX_MORE_THREADS = 2, 1
"""In the last quarter of the run than in the second one. A collector opens two files for each kind that it has not seen yet."""
MAX_LOADER_THREADS = 32
"""DuckDB and polars make theirs when they need them."""
MAX_MORE_FILES, MAX_MORE_SPOOL_OCTETS = 20, 2 << 20
MIN_SAMPLES = 20
SHOWN = 3
OF_A_BURST, SWITCHED = "burst", "configuration_switched"
NOWHERE = (NOWHERE4, NOWHERE6)
Thing = TypeVar("Thing")


@dataclass
class Held:
    """Of one process: what it held and how that went on. Octets; growth over the second half, by its trend."""

    program: str
    role: str
    pss: int
    allocated: int
    shared: int
    growth: float
    per_hour: float
    descriptors: int
    threads: int
    seconds: float


@dataclass
class Verdict:
    """wrong: everything that is not as it should be. overloaded: what the machine, not a program, did not bear; figures are not
    compared then. compared: how many of what were found equal."""

    wrong: list[str] = field(default_factory=list)
    overloaded: list[str] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)
    held: list[Held] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.wrong and not self.overloaded

    def equal(self, what: str, expected: Mapping[Thing, object], found: Mapping[Thing, object]) -> None:
        """Both hold the same, key by key."""
        differ = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
        self.compared[what] += sum(expected.values()) if isinstance(expected, Counter) else len(expected)
        if differ:
            shown = "; ".join(f"{key}: expected {expected.get(key)}, found {found.get(key)}" for key in differ[:SHOWN])
            self.wrong.append(f"{what}: {len(differ)} differ of {len(expected)}: {shown}")


def judge_figures(verdict: Verdict, ledger: Ledger, figures: Figures) -> None:
    """Every figure that the ledger knows."""
    for place in BOTH:
        found = figures.flows(place)
        verdict.equal(f"flows at {place}", _known(ledger, ledger.flows[place]),
                      _known(ledger, {flow: count for flow, count in found.items() if not _of_neighbours(flow)}))
        packets, octets = (sum(getattr(count, name) for count in found.values()) for name in ("packets", "octets"))
        verdict.equal(f"sizes at {place}", {"all": (packets, octets)}, {"all": figures.sizes(place)})
        verdict.equal(f"TCP connections at {place}", _seen_at(place, ledger.connections), figures.connections(place))
        verdict.equal(f"DNS queries at {place}", _seen_at(place, ledger.queries), figures.queries(place))
        verdict.equal(f"FTP transfers at {place}", ledger.transfers, figures.transfers(place))
        verdict.equal(f"echoes at {place}", {key: counted for key, counted in ledger.echoes.items()
                                             if place == WEST or key[1] not in NOWHERE}, figures.echoes(place))
    verdict.equal("packets followed", ledger.ways, figures.ways())
    fates = Counter(way.verdict for way in ledger.ways.elements())
    verdict.equal("their sums", +Counter(fates, packets=fates.total()), figures.verdicts())
    verdict.equal("rows refused", {"rows": 0}, {"rows": figures.rejected()})
    _judge_events(verdict, ledger, figures.events())


def _judge_events(verdict: Verdict, ledger: Ledger, events: Counter[tuple[str, str, str]]) -> None:
    told = Counter(code for _, code, subject in events.elements() if code.startswith("threshold") and subject == OF_A_BURST)
    verdict.equal("bursts told", {"threshold_crossed": ledger.bursts, "threshold_back": ledger.bursts}, told)
    verdict.wrong += [f"event {code} ({severity}) of {subject!r}, {count} times"
                      for (severity, code, subject), count in events.items()
                      if severity != "info" and subject != OF_A_BURST and code != SWITCHED]


def judge_agents(verdict: Verdict, numbers: Mapping[str, Mapping[str, int]], figures: Figures, watched: Watched) -> None:
    """The last page of each probe says what the probe has counted, and that is what the database has."""
    for place in BOTH:
        packets, _ = figures.sizes(place)
        seen, relevant = (watched.value(place, f"trafmon_probe_packets_{what}total") for what in ("", "relevant_"))
        verdict.equal(f"counters of {place}", {"seen": numbers[place]["packets_seen"], "relevant": packets},
                      {"seen": int(seen), "relevant": int(relevant)})


def judge_memory(verdict: Verdict, samples: Samples) -> None:
    """Of every process that lived long enough; that none came or went, and the files in the spool."""
    ends_s = max((taken[-1].at_s for taken in samples.processes.values()), default=0)
    for (program, role, pid), taken in sorted(samples.processes.items()):
        name = f"{program} {role}"
        if len(taken) < MIN_SAMPLES or taken[-1].at_s < ends_s - 2:
            verdict.wrong.append(f"{name} (process {pid}) was there from {taken[0].at_s:.0f} to {taken[-1].at_s:.0f} s only")
            continue
        held = _held(program, role, taken)
        verdict.held.append(held)
        limit = MORE_GROWTH_OCTETS.get(program, MAX_GROWTH_OCTETS) if role == "main" else MAX_GROWTH_OCTETS
        if held.growth > limit:
            verdict.wrong.append(f"{name} grows: {held.growth / 1024:.0f} KiB in the second half of {held.seconds:.0f} s")
        if held.shared > MAX_SHARED_OCTETS:
            verdict.wrong.append(f"{name} shares {held.shared / 1024:.0f} KiB")
        for what, limit in (("descriptors", MAX_MORE_DESCRIPTORS), ("threads", MAX_MORE_THREADS)):
            before, after = _quarters([(s.at_s, getattr(s, what)) for s in taken])
            if after > (MAX_LOADER_THREADS if (program, what) == (LOADER, "threads") else before + limit):
                verdict.wrong.append(f"{name}: {before:.0f} {what} in the second quarter, {after:.0f} in the last")
    for at, (what, limit) in enumerate((("files", MAX_MORE_FILES), ("octets", MAX_MORE_SPOOL_OCTETS)), 1):
        before, after = _quarters([(look[0], look[at]) for look in samples.spool])
        if after > before + limit:
            verdict.wrong.append(f"spool: {before:.0f} {what} in the second quarter, {after:.0f} in the last")


def _held(program: str, role: str, taken: list[Sample]) -> Held:
    late = second_half([(s.at_s, s.allocated) for s in taken])
    per_s, last = slope(late), taken[-1]
    return Held(program, role, last.pss, last.allocated, last.shared, per_s * (late[-1][0] - late[0][0]), per_s * 3_600,
                last.descriptors, last.threads, last.at_s - taken[0].at_s)


def _quarters(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Medians of the second and the last quarter, by number."""
    quarter = max(len(points) // 4, 1)
    return median(value for _, value in points[quarter:2 * quarter] or points), median(value for _, value in points[-quarter:])


def _seen_at(place: str, things: Counter[Connection] | Counter[Query]) -> Counter:
    """What goes to nowhere is seen by the first place only."""
    return Counter({thing: count for thing, count in things.items() if place == WEST or thing.server_addr not in NOWHERE})


def _known(ledger: Ledger, counts: Mapping[Flow, Count]) -> dict[Flow, Count]:
    """Of flows where TCP sent something again, packets only."""
    return {flow: Count(packets=count.packets) if flow in ledger.repeated else count for flow, count in counts.items()}


def _of_neighbours(flow: Flow) -> bool:
    """Between the machines of one cable, by themselves: listeners to multicast and the like (RFC 3810)."""
    return any(address.is_link_local or address.is_multicast for address in map(ip_address, (flow.src_addr, flow.dst_addr)))
