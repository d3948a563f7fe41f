"""One-way measurement: what probes tell of each packet, what becomes of them when collectors put that together."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.counters import FLOW_INTERVAL
from tmon_common.observations.kind import Kind
from tmon_common.observations.sizes import MAX_SLICES

MAX_HOPS = 8
"""Of a flow class."""
MAX_EXTRAS = 4
"""Hops of a class whose times stand in the packets themselves."""
VERDICTS = ("complete", "lost", "dropped", "missed", "injected")
"""The number of a verdict is its position."""

_FLOW = FLOW_INTERVAL[0]
_PACKET = (
    Column("flow", Type.INTEGER, "number of the flow, as the probe that saw the packet first on its way numbers it",
           merge=Merge.KEY,
           reference="RFC 7012 flowId (148)"),
    Column("time", Type.TIME, "when the packet passed the first hop on its way that saw it", unit="s", merge=Merge.KEY),
    Column("signature", Type.INTEGER, "digest of what does not change on the way", reference="RFC 5475 section 6.2, RFC 7012 "
                                                                                             "digestHashValue (326)"),
    Column("octets", Type.INTEGER, "IP total length there; empty where the class does not measure it", unit="octets", nullable=True,
           reference="RFC 7012 ipTotalLength (224)"),
)
_HOP_PAIR = (
    Column("from_hop", Type.STRING, "name of the hop where the delay begins", merge=Merge.KEY),
    Column("to_hop", Type.STRING, "name of the hop where it ends", merge=Merge.KEY),
)

ONE_WAY_OBSERVATION = Kind(
    name="one_way_observation",
    number=32,
    meaning="A packet passed an observation point: its digest, and when. Travels from probes to collectors only, in a code of its "
            "own (protocol.md), and is never written to a file as such: what collectors make of it is.",
    transient=True,
    columns=(
        _FLOW,
        Column("point", Type.INTEGER, "observation point: position, from 1, among those of all hops of the class"),
        Column("signature", Type.INTEGER, "digest of what does not change on the way"),
        Column("time", Type.TIME, "when the packet, or the first fragment of the datagram, passed", unit="s"),
        Column("octets", Type.INTEGER, "IP total length", unit="octets", nullable=True),
        Column("last_time", Type.TIME, "when the last fragment of the datagram passed; empty for what was not in fragments",
               unit="s",
               nullable=True),
        Column("extra_time", Type.TIME, "what the packet itself says of the hops that are no observation points, in their order",
               unit="s", nullable=True, repeat=MAX_EXTRAS),
    ),
)

ONE_WAY_GAP = Kind(
    name="one_way_gap",
    number=33,
    meaning="Observations of packets that a probe gave up before a collector had them: packets without an observation from "
            "there and "
            "then count as dropped, not as lost.",
    permanent=True,
    columns=(
        Column("flow_class", Type.STRING, "flow class", merge=Merge.KEY),
        Column("sequence", Type.INTEGER, "number of the first PDU given up, among those of the class in this run", merge=Merge.KEY),
        Column("first", Type.TIME, "time of the earliest observation in them; empty: there was none", unit="s", nullable=True),
        Column("last", Type.TIME, "time of the latest one", unit="s", nullable=True),
        Column("observations", Type.INTEGER, "how many there were"),
        Column("pdus", Type.INTEGER, "how many PDUs: those of consecutive numbers, given up at about the same time, share a row"),
    ),
)

ONE_WAY_PACKET = Kind(
    name="one_way_packet",
    number=34,
    meaning="A packet and its way, once its verdict is known.",
    columns=(
        *_PACKET,
        Column("verdict", Type.STRING, "complete: seen at every hop; lost: not seen after a hop, though the next ones were "
                                       "observing; "
                                       "dropped: what is missing was given up by a probe, or never observed; missed: not seen at a "
                                       "hop, but at a later one; injected: the same, and nothing of its flow passed the first hop",
               reference="RFC 7680 section 2.4"),
        Column("lost_after", Type.INTEGER, "lost packets: number of the last hop that saw it, from 1", nullable=True),
        Column("one_way_delay", Type.DURATION, "from the first hop of the way to the last, raw: with the offset of the clocks; "
                                               "of a "
                                               "datagram in fragments, from its first to its last; empty if one is missing",
                                               unit="s",
               nullable=True, reference="RFC 7679 section 3.4"),
        Column("copies", Type.INTEGER, "times it was seen again at a hop that had seen it", reference="RFC 5560 section 4"),
        Column("clash", Type.INTEGER, "1: another packet of the flow had the same signature at about that time; they were told "
                                      "apart "
                                      "by time alone"),
        Column("path", Type.STRING, "observation points that saw it, in the order of the hops: probe/interface, joined by >"),
        Column("time_at", Type.TIME, "when it passed the hop of that number", unit="s", nullable=True, repeat=MAX_HOPS),
        Column("last_at", Type.TIME, "when the last fragment of the datagram passed that hop; empty if it was not in fragments "
                                     "there",
               unit="s", nullable=True, repeat=MAX_HOPS),
    ),
)

ONE_WAY_DELAY_HISTOGRAM = Kind(
    name="one_way_delay_histogram",
    number=35,
    meaning="Distribution of the one-way delays of a flow between two hops, of the packets that passed the first of all hops in "
            "the "
            "interval. Delays are raw, offset_low and offset_high tell how far the clock at the second is ahead.",
    columns=(
        *FLOW_INTERVAL,
        *_HOP_PAIR,
        Column("histogram", Type.STRING, "histogram whose slices are used, see histogram_definition; - for none", merge=Merge.KEY),
        Column("population", Type.INTEGER, "packets seen at both hops", unit="packets", merge=Merge.SUM, reference="RFC 7679 "
                                                                                                                   "section 3"),
        Column("sum", Type.DURATION, "sum of the delays", unit="s", merge=Merge.SUM),
        Column("sum_of_squares", Type.INTEGER, "sum of the squared delays, each rounded", unit="us^2", merge=Merge.SUM),
        Column("minimum", Type.DURATION, "shortest; empty without any", unit="s", merge=Merge.MINIMUM, nullable=True,
               reference="RFC 7679 section 5.3"),
        Column("maximum", Type.DURATION, "longest; empty without any", unit="s", merge=Merge.MAXIMUM, nullable=True),
        Column("negative", Type.INTEGER, "delays below zero: clocks are apart by more than the way takes", merge=Merge.SUM),
        Column("ipdv_population", Type.INTEGER, "pairs of packets that left one after the other and both arrived", merge=Merge.SUM,
               reference="RFC 3393 section 2"),
        Column("ipdv_sum", Type.DURATION, "sum of their delay variations: delay of the second less that of the first", unit="s",
               merge=Merge.SUM, reference="RFC 3393 section 2.4"),
        Column("ipdv_absolute_sum", Type.DURATION, "the same without signs", unit="s", merge=Merge.SUM,
               reference="RFC 3393 section 6.5"),
        Column("ipdv_sum_of_squares", Type.INTEGER, "sum of the squares, each rounded", unit="us^2", merge=Merge.SUM),
        Column("ipdv_minimum", Type.DURATION, "smallest", unit="s", merge=Merge.MINIMUM, nullable=True),
        Column("ipdv_maximum", Type.DURATION, "largest", unit="s", merge=Merge.MAXIMUM, nullable=True),
        *(Column(f"pdv_{name}", Type.DURATION, f"packet delay variation that {percent} % of the packets do not exceed: delay "
                                                "less the "
                                               "shortest of the interval; of several intervals, the largest", unit="s",
                 merge=Merge.MAXIMUM, nullable=True, reference="RFC 5481 section 4.2")
          for name, percent in (("50", "50"), ("95", "95"), ("99", "99"), ("999", "99.9"))),
        Column("offset_low", Type.DURATION, "the clock at the second hop is ahead of that at the first by at least that much; "
                                            "empty: "
                                            "not known", unit="s", merge=Merge.MAXIMUM, nullable=True),
        Column("offset_high", Type.DURATION, "and by at most that much", unit="s", merge=Merge.MINIMUM, nullable=True),
        Column("slice", Type.INTEGER, "delays that lie in the slice", unit="packets", merge=Merge.SUM, repeat=MAX_SLICES),
    ),
)

ONE_WAY_DELAY_BUCKET = Kind(
    name="one_way_delay_bucket",
    number=36,
    meaning="Log-spaced buckets beside a one_way_delay_histogram, only those that hold something: bucket n counts delays above "
            "1.04^(n-1) ns up to 1.04^n ns; -1 - n the same below zero.",
    columns=(
        *FLOW_INTERVAL,
        *_HOP_PAIR,
        Column("bucket", Type.INTEGER, "number of the bucket", merge=Merge.KEY),
        Column("count", Type.INTEGER, "delays in it", unit="packets", merge=Merge.SUM),
    ),
)


def _count(name: str, meaning: str, reference: str = "", repeat: int = 0) -> Column:
    return Column(name, Type.INTEGER, meaning, unit="packets", merge=Merge.SUM, reference=reference, repeat=repeat)


ONE_WAY_COUNTERS = Kind(
    name="one_way_counters",
    number=37,
    meaning="What became of the packets of a flow that passed the first hop that saw them in the interval. Each has one verdict: "
            "packets = complete + lost + dropped + missed + injected.",
    columns=(
        *FLOW_INTERVAL,
        _count("packets", "different packets"),
        Column("octets", Type.INTEGER, "their octets, where the class measures them", unit="octets", merge=Merge.SUM),
        _count("complete", "seen at every hop"),
        _count("lost", "not seen after some hop", "RFC 7680 section 2.4"),
        _count("lost_after", "of these, seen last at the hop of that number", repeat=MAX_HOPS),
        _count("dropped", "without an observation that a probe gave up, or could not make"),
        _count("missed", "not seen at a hop before one where they were"),
        _count("injected", "the same, of flows of which nothing passed the first hop"),
        _count("clashes", "packets whose signature another packet of the flow had at about that time"),
        _count("duplicated", "packets of which a hop saw more than one copy", "RFC 5560 section 4"),
        _count("duplicates", "copies beyond the first", "RFC 5560 section 4"),
        _count("reordered", "packets that reached the last hop after one that had left later (of datagrams in fragments, the first "
                            "fragments)", "RFC 4737 section 3.3"),
        _count("reordering_extent_sum", "sum of their extents: how many arrivals ago the first one came that had left later",
               "RFC 4737 section 4.2.2"),
        Column("reordering_extent_maximum", Type.INTEGER, "largest extent", unit="packets", merge=Merge.MAXIMUM, nullable=True,
               reference="RFC 4737 section 4.2.2"),
        Column("reordering_late_maximum", Type.DURATION, "largest late time offset of a reordered packet", unit="s",
               merge=Merge.MAXIMUM, nullable=True, reference="RFC 4737 section 4.3.2"),
        _count("loss_periods", "runs of lost packets that begin here", "RFC 3357 section 6.2"),
        Column("loss_period_maximum", Type.INTEGER, "packets of the longest run of lost packets that ends here or lasts",
               unit="packets",
               merge=Merge.MAXIMUM, nullable=True, reference="RFC 3357 section 6.3"),
        _count("loss_distance_population", "lost packets after an earlier one", "RFC 3357 section 5.1.1"),
        _count("loss_distance_sum", "sum of their distances to the lost packet before, in packets that were not dropped: 1 for "
                                    "neighbours",
               "RFC 3357 section 5.1.1"),
        Column("loss_distance_minimum", Type.INTEGER, "smallest", unit="packets", merge=Merge.MINIMUM, nullable=True),
        Column("loss_distance_maximum", Type.INTEGER, "largest", unit="packets", merge=Merge.MAXIMUM, nullable=True),
    ),
)


def _exception(name: str, number: int, meaning: str) -> Kind:
    return Kind(name=name, number=number, meaning=f"{meaning} Only where the class says exceptions=\"individual\".", columns=(
        *_PACKET,
        Column("after_hop", Type.STRING, "the last hop before what is missing that saw it; empty: none", nullable=True),
        Column("before_hop", Type.STRING, "the first hop that did not see it"),
    ))


ONE_WAY_LOST = _exception("one_way_lost", 38, "A packet that was lost, and between which hops.")
ONE_WAY_DROPPED = _exception("one_way_dropped", 39, "A packet of which an observation was given up, or could not be made.")
ONE_WAY_MISSED = _exception("one_way_missed", 40, "A packet that a hop did not see, but a later one (verdict missed or injected).")

CLOCK_OFFSET = Kind(
    name="clock_offset",
    number=41,
    meaning="How far the clock of a probe is ahead of another's, bounded by one-way delays of both directions: no packet takes "
            "less "
            "than no time.",
    columns=(
        Column("start", Type.TIME, "start of the interval", unit="s", merge=Merge.KEY),
        Column("end", Type.TIME, "end of the interval, not part of it", unit="s"),
        Column("from_probe", Type.STRING, "name of a probe", merge=Merge.KEY),
        Column("to_probe", Type.STRING, "name of the one whose clock is compared with it", merge=Merge.KEY),
        Column("offset_low", Type.DURATION, "the second is ahead by at least that much: less the shortest raw delay back; empty: "
                                            "nothing came back", unit="s", nullable=True),
        Column("offset_high", Type.DURATION, "and by at most that much: the shortest raw delay there; empty: nothing went there",
               unit="s", nullable=True),
        Column("offset", Type.DURATION, "the middle, right if the shortest ways there and back are alike", unit="s", nullable=True,
               reference="RFC 5905 section 8"),
        Column("bound", Type.DURATION, "how far off it may be at most", unit="s", nullable=True),
        Column("packets_there", Type.INTEGER, "packets that went from the first to the second"),
        Column("packets_back", Type.INTEGER, "and back"),
        Column("flow_class", Type.STRING, "flow class whose packets these are", merge=Merge.KEY),
    ),
)
