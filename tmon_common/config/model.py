"""The configuration as frozen dataclasses: what every other part of the program sees of the XML file.

Times and lengths of time are ns, sizes octets, rates bit/s. Names refer to other entries by name; `read` has checked that
they exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tmon_common.config.monitoring_model import Agent, Monitoring
from tmon_common.config.store_model import Store

SECOND = 1_000_000_000


@dataclass(frozen=True)
class Predicate:
    """A condition on one field of a packet (names in `fields.FIELDS`), true or, with `negated`, false.

    ranges      value lies in one of these (low, high), both included; a single value is (v, v); addresses are 128-bit numbers,
                IPv4 ones mapped (::ffff:a.b.c.d)
    mask        if not None: the field AND mask is what is compared (`masked`)
    names       field `interface` only, instead of ranges: names of interfaces; those that the probe does not have match nothing
    A packet that does not have the field (a port in an ICMP message) does not satisfy the condition, and so satisfies the
    negated one.
    """

    field: str
    ranges: tuple[tuple[int, int], ...]
    mask: int | None = None
    negated: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conjunction:
    """Bottom layer: AND (NAND when negated) of predicates."""

    terms: tuple[Predicate, ...]
    negated: bool = False


@dataclass(frozen=True)
class Disjunction:
    """Middle layer: OR (NOR when negated) of predicates and conjunctions."""

    terms: tuple[Predicate | Conjunction, ...]
    negated: bool = False


@dataclass(frozen=True)
class Filter:
    """Top layer: AND (NAND when negated) of predicates and disjunctions. Without terms it is true (negated: false)."""

    terms: tuple[Predicate | Disjunction, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class GranularFlow:
    """Which fields make an instance of a flow within a class.

    fields      of `fields.FLOW_FIELDS`: interface, src_addr, dst_addr, protocol, src_port, dst_port, vlan, dscp
    bidirectional   both directions are one flow (RFC 5103); needs address and port fields in pairs
    obsolescence_ns     a flow silent for so long is forgotten; seen again, it gets a new number
    """

    name: str
    fields: frozenset[str]
    bidirectional: bool = True
    obsolescence_ns: int = 300 * SECOND


@dataclass(frozen=True)
class Analysis:
    """An analysis that a class asks for. `kind` names an analyser; options are for that analyser alone.

    interval_ns     1 s to 1 h; observation intervals start at multiples of it
    histogram       name of the histogram whose slices it uses, or None
    """

    kind: str
    interval_ns: int = 60 * SECOND
    histogram: str | None = None
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Point:
    """An observation point of a one-way class: an interface of a probe. number: from 1, over all hops of the class in order."""

    number: int
    probe: str
    interface: str


@dataclass(frozen=True)
class Hop:
    """A place on the way of a packet. It has points (alternatives: the packet passes one of them), or its time stands in the "
      "packet:

    ip_timestamp    entry of the IPv4 Timestamp option, from 1 (RFC 791 section 3.1); 0: none
    stamped_by      the same by the address of who stamps, 128 bits (IPv4 mapped); 0: none
    ntp             timestamp of NTP packets: reference, origin, receive or transmit (RFC 5905 section 7.3); "" for none
    """

    name: str
    points: tuple[Point, ...] = ()
    ip_timestamp: int = 0
    stamped_by: int = 0
    ntp: str = ""


@dataclass(frozen=True)
class Latency:
    """Delays of interest: positions in OneWay.hops, and the name of a histogram in ns or None."""

    from_hop: int
    to_hop: int
    histogram: str | None = None


@dataclass(frozen=True)
class OneWay:
    """How the packets of a class are followed from hop to hop, in the order of the hops.

    direction           "forward": every packet goes that way; "both": flows go either way, which one is learned from their packets
    signature_octets    of the digest that travels: 2, 3 or 4
    hashed_octets       of transport header and what follows, at most, that are hashed; algorithm: fast64 or md5
    nat                 addresses and ports change on the way: packets are matched within the class, not within their flow
    per                 "packet" (a fragment is one), or "datagram" (put together again, with its first and last time)
    resolution_ns       of the times that travel; sizes: packet sizes travel, too
    max_transit_ns      a packet that takes longer counts as lost
    max_lifetime_ns     how long observations of a silent probe are waited for
    output              "packets", "histograms" or "both"; individual: exceptions also have rows of their own
    interval_ns         of counters and histograms; late_slots: intervals for which one stays open, after its end, for what
    comes late
    max_in_flight       observations that wait in a collector, at most; beyond, the oldest are judged as they are
    clash_rate          share of packets with a clashing signature above which it is told
    """

    hops: tuple[Hop, ...]
    latencies: tuple[Latency, ...] = ()
    direction: str = "forward"
    signature_octets: int = 4
    hashed_octets: int = 65_535
    algorithm: str = "fast64"
    nat: bool = False
    per: str = "packet"
    resolution_ns: int = 1000
    sizes: bool = True
    max_transit_ns: int = 2 * SECOND
    max_lifetime_ns: int = 3600 * SECOND
    output: str = "both"
    individual: bool = False
    interval_ns: int = 60 * SECOND
    late_slots: int = 1
    max_in_flight: int = 4 << 20
    clash_rate: float = 0.001

    @property
    def points(self) -> tuple[Point, ...]:
        """All of them: point n is at n - 1."""
        return tuple(p for hop in self.hops for p in hop.points)

    def points_at(self, probe: str) -> dict[str, int]:
        """Number of the point at each interface of a probe that is one."""
        return {p.interface: p.number for p in self.points if p.probe == probe}

    @property
    def extras(self) -> tuple[int, ...]:
        """Positions of the hops whose times stand in packets; in their order they are the columns extra_time of observations."""
        return tuple(i for i, hop in enumerate(self.hops) if not hop.points)


@dataclass(frozen=True)
class FlowClass:
    name: str
    filter: Filter
    flows: tuple[GranularFlow, ...]
    analyses: tuple[Analysis, ...]
    one_way: OneWay | None = None

    def at(self, probe: str) -> FlowClass:
        """The class as that probe observes it."""
        if self.one_way is None or self.one_way.points_at(probe):
            return self
        return replace(self, analyses=tuple(a for a in self.analyses if a.kind != "one_way"))


@dataclass(frozen=True)
class Baseline:
    """What is usual: of the last `over` intervals (kind median), or an average that forgets at that pace (ewma).

    history     intervals with a value that must have gone by before anything crosses
    """

    kind: str
    over: int
    history: int


@dataclass(frozen=True)
class Threshold:
    """A metric of a class, compared once an interval.

    metric          of `tmon_common.metrics.METRICS`; service: which one, "" where it has none; percentile: of percentiles
    flow            name of the granular flow whose rows are taken
    per             a series for each value of these: probe, and `fields.FLOW_FIELDS`
    limit, back     in the metric's unit, ratios as such, times in seconds; times the baseline if there is one
    above           crossed above the limit, and back at or below `back`; False: the other way round
    at_least        beside a baseline: what is crossed upwards must be above this, too
    consecutive     intervals in a row that it takes to cross, and to come back
    samples         least of what is divided by, or was measured, for an interval to have a value
    """

    name: str
    flow_class: str
    metric: str
    limit: float
    back: float
    above: bool = True
    service: str = ""
    percentile: float = 0
    flow: str = ""
    per: tuple[str, ...] = ("probe",)
    interval_ns: int = 60 * SECOND
    consecutive: int = 1
    samples: int = 1
    baseline: Baseline | None = None
    at_least: float = 0
    severity: str = "warning"


@dataclass(frozen=True)
class Thresholds:
    """grace_ns: wait for rows after an interval has ended; max_series: of one threshold, of each probe; max_flows: remembered."""

    members: tuple[Threshold, ...] = ()
    grace_ns: int = 30 * SECOND
    max_series: int = 1000
    max_flows: int = 1 << 20


@dataclass(frozen=True)
class Histogram:
    """bounds: upper bounds, included, of all slices but the last (which is open), ascending; in `unit` (octets or ns)."""

    name: str
    unit: str
    bounds: tuple[int, ...]


@dataclass(frozen=True)
class Interface:
    """An observation point of a probe: a device, or a recording to replay.

    files       replayed one after the other as one recording; empty for a device
    capture     afpacket, libpcap, replay; "" for a device: what this platform does best
    pace        replay only: "full" (as fast as it goes, loses nothing) or "own" (gaps of the recording are respected)
    clock_ahead_ns  replay only: what is taken off the times of packets
    bpf         libpcap filter expression, "" for none
    tunnel      "outer", or "inner": of a packet carried in another (GRE, IP in IP) the carried one is measured
    link        name of the link of which this is one direction, seen by a passive tap; the other interface has the same name; ""
    no_traffic_ns   a silence so long is an event; 0: never
    The others are for devices; afpacket alone has those from block_octets on:
    block_octets    a block is handed over when full; buffer_octets are divided into such blocks
    timestamps  "kernel", or "hardware": those of the NIC's own clock
    offloads    "keep", or "off": segmentation and receive offloads are switched off while the probe runs
    fathers     processes that share the packets of the device, by flow; father_cpus: one for each
    """

    name: str
    device: str = ""
    files: tuple[Path, ...] = ()
    capture: str = ""
    pace: str = "full"
    clock_ahead_ns: int = 0
    bpf: str = ""
    snaplen: int = 65535
    buffer_octets: int = 16 << 20
    promiscuous: bool = True
    tunnel: str = "outer"
    link: str = ""
    no_traffic_ns: int = 60 * SECOND
    offloads: str = "keep"
    block_octets: int = 1 << 20
    timestamps: str = "kernel"
    fathers: int = 1
    father_cpus: tuple[int, ...] = ()


@dataclass(frozen=True)
class Publication:
    """How a probe sends to one collector (seed section 1.5). address and port: where that collector is reached."""

    collector: str
    address: str
    port: int
    max_pdu_octets: int = 1400  # UDP payload, header and CRC included
    max_build_ns: int = 5 * SECOND
    min_gap_ns: int = 1_000_000
    window: int = 1024  # PDUs sent and not yet acknowledged, at most
    initial_timeout_ns: int = 1 * SECOND
    timeout_increment_ns: int = 1 * SECOND
    timeout_multiplier: float = 1.0
    max_retries: int = 5
    final_timeout_ns: int = 3600 * SECOND
    heartbeat_ns: int = 30 * SECOND
    queue_octets: int = 64 << 20
    break_border_ns: int = 60 * SECOND
    max_rate: int = 0  # bit/s, IP and UDP headers included; 0: no cap


@dataclass(frozen=True)
class Probe:
    """cpus of father and child: empty child_cpus means every CPU but the father's.

    seal    "aead": everything between it and its collectors is encrypted and proved by the keys in the file `key`; "crc": damage is
            detected, nothing else
    """

    name: str
    interfaces: tuple[Interface, ...]
    publications: tuple[Publication, ...]
    host: str = ""
    classes: tuple[str, ...] = ()  # names of the flow classes it observes, in the order of the configuration
    father_cpu: int = 0
    child_cpus: tuple[int, ...] = ()
    ring_slots: int = 1 << 16
    ring_octets: int = 16 << 20  # of packets that travel whole or in part: fragments, application payload
    max_flows: int = 1 << 20
    seal: str = "aead"
    key: Path = Path()
    agent: Agent | None = None


@dataclass(frozen=True)
class Collector:
    """address, port: where it listens. spool: directory of the CSV files, closed and renamed every `rotate_ns`.

    sync: what is acknowledged is on the disk, not only with the system; clock_tolerance_ns: how wrong clocks of probes may be
    """

    name: str
    address: str
    port: int
    spool: Path
    host: str = ""
    rotate_ns: int = 300 * SECOND
    rotate_octets: int = 256 << 20
    receive_buffer_octets: int = 4 << 20
    sync: bool = False
    clock_tolerance_ns: int = 10_000_000
    agent: Agent | None = None


@dataclass(frozen=True)
class Diagnostics:
    """destination: stderr, journal, or file:PATH. modules: (name of module or package, level, destination or "")."""

    level: str = "warning"
    destination: str = "stderr"
    modules: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Configuration:
    """One version of the whole configuration, shared by all probes and collectors.

    path        the file it was read from
    start_at_ns     moment at which it becomes valid; None: at once
    digest      of the file's octets: tells versions apart
    """

    path: Path
    probes: tuple[Probe, ...] = ()
    collectors: tuple[Collector, ...] = ()
    classes: tuple[FlowClass, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    monitoring: Monitoring = field(default_factory=Monitoring)
    store: Store = field(default_factory=Store)
    thresholds: Thresholds = field(default_factory=Thresholds)
    start_at_ns: int | None = None
    digest: str = field(default="", compare=False)

    @cached_property
    def collector_by_name(self) -> dict[str, Collector]:
        return {c.name: c for c in self.collectors}

    @cached_property
    def histogram_by_name(self) -> dict[str, Histogram]:
        return {h.name: h for h in self.histograms}

    def classes_of(self, probe: Probe) -> tuple[FlowClass, ...]:
        """Classes that the probe observes; position in the result is the bit of the class in the sieve's mask.

        A one-way class that has no observation point there is one like any other: nothing is signed for it.
        """
        return tuple(c.at(probe.name) for c in self.classes if c.name in probe.classes)
