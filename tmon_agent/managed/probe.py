"""What can be asked of a probe."""

from __future__ import annotations

from collections.abc import Iterator

from tmon_agent.managed.declaration import Column, Program, Row, Syntax, Table
from tmon_agent.managed.program import AGENT, IDENTITY, NAME, counted, level

NUMBER, TEXT, MOMENT, TRUTH = Syntax.NUMBER, Syntax.TEXT, Syntax.MOMENT, Syntax.TRUTH

PROBE = Column("probe", TEXT, "", f"the probe: its {NAME}")
INTERFACE = Column("interface", NUMBER, "", "its place among the interfaces of the probe, from 1")

_PACKETS = (
    counted("packets", "packets_seen", "packets that were read", metric="packets"),
    counted("octets", "octets_seen", "octets of the packets read, on the wire", "octets", "traffic"),
    counted("relevant", "packets_relevant", "of the packets read, those of at least one flow class"),
    counted("irrelevant", "packets_irrelevant", "of the packets read, those of no flow class"),
    counted("malformed", "packets_malformed", "of the packets read, those that could not be understood"),
    counted("other", "packets_other", "of the packets read, frames that are no IP"),
    counted("kernelDrops", "kernel_drops", "packets that the system dropped because they were not read in time"),
)


def _rows_of_probe(program: Program) -> Iterator[Row]:
    if program.kind == "probe":
        yield (program.name,), program.values(PROBES.columns)


def _rows_of_interfaces(program: Program) -> Iterator[Row]:
    if program.kind != "probe":
        return
    for i, interface in enumerate(program.identity["interfaces"]):
        named = (interface["name"], interface["device"])
        yield (program.name, i + 1), named + program.values(INTERFACES.columns[len(named):], f"interface_{i}_")


def _rows_of_rings(program: Program) -> Iterator[Row]:
    if program.kind == "probe":
        for father in range(len(program.identity["fathers"])):
            yield (program.name, father + 1), program.values(RINGS.columns, f"father_{father}_")


def _rows_of_analyses(program: Program) -> Iterator[Row]:
    if program.kind == "probe":
        for name in program.identity["analyses"]:
            if (value := program.numbers.get(name)) is not None:
                yield (program.name, name), (value,)


def _rows_of_links(program: Program) -> Iterator[Row]:
    if program.kind == "probe":
        for n, collector in enumerate(program.identity["links"]):
            yield (program.name, collector), program.values(LINKS.columns, f"collector_{n}_")


PROBES = Table(
    "Probe", 1, "A probe that runs on this host.", (PROBE,),
    (*IDENTITY, *_PACKETS,
     level("flows", "flows", "flows that are known now"),
     level("flowsMax", "flows_max", "flows that have room"),
     counted("flowsCreated", "flows_created", "flows that began"),
     counted("flowsExpired", "flows_expired", "flows forgotten because they were silent"),
     counted("flowsEvicted", "flows_evicted", "flows refused or forgotten for want of room"),
     counted("rows", "rows", "observations made"),
     counted("rowsGivenUp", "rows_given_up", "observations that reached no collector"),
     counted("pdusSent", "pdus_sent", "PDUs sent to all collectors, repetitions included"),
     level("linksBroken", "links_broken", "collectors that do not answer now (long retry mode)"),
     counted("eventsPublished", "events_published", "events told to the collectors"),
     counted("eventsLost", "events_lost", "events lost between its processes, for want of room"),
     counted("childCpu", "child_cpu_ns", "processor time of the child", "ns", "child_cpu"),
     Column("packetTime", MOMENT, "packet_time_ns", "time up to which packets are analysed", "ns", "packet_time"),
     *AGENT),
    _rows_of_probe)

INTERFACES = Table(
    "Interface", 2, "An interface that a probe captures from.", (PROBE, INTERFACE),
    (Column("name", TEXT, "", f"its {NAME}", label=True),
     Column("device", TEXT, "", "device or file that is read", label=True),
     *_PACKETS,
     counted("merged", "packets_merged", "packets longer than the device can send: merged by an offload"),
     Column("lastPacket", MOMENT, "last_packet_ns", "when a packet was last taken", "ns", "last_packet"),
     Column("deviceGone", TRUTH, "device_gone", "the device is not there", metric="device_gone")),
    _rows_of_interfaces)

RINGS = Table(
    "Ring", 3, "The ring from a father of a probe to the child.", (PROBE, Column("father", NUMBER, "", "the father, from 1")),
    (level("slots", "ring_slots", "packets that fit", metric="slots"),
     level("filled", "ring_filled", "packets in it now", metric="filled"),
     level("highWater", "ring_high_water", "most packets that have been in it", metric="high_water"),
     counted("saturations", "ring_full_waits", "how often the father found it full: the child does not keep up",
              metric="saturations"),
     level("octets", "ring_octets", "room for the octets of packets that travel whole", "octets", "content"),
     level("octetsFilled", "ring_octets_filled", "of the room for octets, what is taken now", "octets", "content_filled"),
     counted("cpu", "cpu_ns", "processor time of the father", "ns", "cpu")),
    _rows_of_rings)

ANALYSES = Table(
    "Analysis", 4, "What the analyses of a probe count: states they hold, what was evicted or not understood.",
    (PROBE, Column("counter", TEXT, "", "name of the count: docs/snmp.md explains each")),
    (Column("value", Syntax.LEVEL, "", "its value: a count since the start, or states held now", metric="value"),),
    _rows_of_analyses)

LINKS = Table(
    "Link", 5, "What a probe sends to a collector.", (PROBE, Column("collector", TEXT, "", "the collector")),
    (counted("pdusSent", "pdus_sent", "PDUs sent, repetitions included"),
     counted("pdusRetried", "pdus_retried", "of the PDUs sent, repetitions"),
     counted("pdusAcknowledged", "pdus_acknowledged", "PDUs that the collector has written"),
     counted("pdusRefused", "pdus_refused", "PDUs that the collector could not understand"),
     level("pdusWaiting", "pdus_waiting", "PDUs that wait for their acknowledgement"),
     counted("rowsGivenUp", "rows_given_up", "observations that are lost: no room, or not acknowledged in time"),
     counted("octetsSent", "octets_sent", "octets of all datagrams", "octets", "sent"),
     level("backlog", "backlog_octets", "octets that wait to be sent or acknowledged", "octets", "backlog"),
     Column("longRetry", TRUTH, "long_retry", "the collector does not answer: it is in long retry mode", metric="long_retry"),
     counted("heartbeats", "heartbeats", "heartbeats sent")),
    _rows_of_links)
