"""What can be asked of a collector."""

from __future__ import annotations

from collections.abc import Iterator

from tmon_agent.managed.declaration import Column, Program, Row, Syntax, Table
from tmon_agent.managed.program import AGENT, IDENTITY, NAME, counted, level
from tmon_collector.health_names import PROBE_STATES

GAUGE, SIGNED, TEXT, MOMENT, TRUTH, STATE = Syntax.GAUGE, Syntax.SIGNED, Syntax.TEXT, Syntax.MOMENT, Syntax.TRUTH, Syntax.STATE

COLLECTOR = Column("collector", TEXT, "", f"the collector: its {NAME}")


def _rows_of_collector(program: Program) -> Iterator[Row]:
    if program.kind == "collector":
        yield (program.name,), program.values(COLLECTORS.columns)


def _rows_of(table: str, listed: str, prefix: str):
    def rows(program: Program) -> Iterator[Row]:
        if program.kind == "collector":
            for n, name in enumerate(program.identity[listed]):
                yield (program.name, name), program.values(BY_NAME[table].columns, f"{prefix}_{n}_")

    return rows


def _rows_of_rejections(program: Program) -> Iterator[Row]:
    if program.kind == "collector":
        for reason in program.identity["reasons"]:
            yield (program.name, reason), program.values(REJECTIONS.columns, f"rejected_{reason}_")


COLLECTORS = Table(
    "Collector", 11, "A collector that runs on this host.", (COLLECTOR,),
    (*IDENTITY,
     counted("datagrams", "datagrams", "datagrams that came"),
     counted("octets", "octets", "octets of the datagrams that came", "octets", "received"),
     counted("heartbeats", "heartbeats", "heartbeats of probes that came"),
     counted("pdus", "pdus", "PDUs whose observations were written"),
     counted("rows", "rows", "observations written"),
     counted("duplicates", "duplicates", "PDUs that were written already"),
     counted("rejected", "rejected", "datagrams that changed nothing; their reasons are in the table of rejections",
              metric="datagrams_rejected"),
     counted("refused", "refused", "PDUs answered by a refusal: of a kind or form that is not known here", metric="pdus_refused"),
     counted("unwritten", "unwritten", "PDUs not acknowledged because they could not be written", metric="pdus_unwritten"),
     counted("acksSent", "acks_sent", "acknowledgements sent"),
     counted("octetsSent", "octets_sent", "octets of the acknowledgements sent", "octets", "sent"),
     counted("filesCompleted", "files_completed", "spool files completed"),
     counted("writeFailures", "write_failures", "writes to the spool that failed"),
     Column("inTrouble", TRUTH, "in_trouble", "the spool cannot be written now", metric="spool_in_trouble"),
     level("journal", "journal_octets", "octets of the journal", "octets", "journal"),
     counted("ownRowsLost", "own_rows_lost", "observations of its own (events) that could not be written"),
     level("probesAlive", "probes_alive", "probes heard lately"),
     level("probesSilent", "probes_silent", "probes heard before, and silent now"),
     level("keysMissing", "keys_missing", "probes whose key file cannot be used here"),
     level("thresholdsCrossed", "thresholds_crossed", "thresholds that are crossed now"),
     counted("cpu", "cpu_ns", "processor time", "ns", "cpu"),
     *AGENT,
     counted("receiveDrops", "receive_drops", "datagrams that the system dropped for want of room in the receive buffer"),
     counted("receiveErrors", "receive_errors", "errors of the socket, sending included"),
     level("filesOpen", "files_open", "spool files being written"),
     level("ownRowsWaiting", "own_rows_waiting", "observations of its own (events) that wait for a disk that is full"),
     level("probesBroken", "probes_broken", "probes silent now in whose name datagrams come that are not taken: wrong keys"),
     level("probesNever", "probes_never", "probes not heard since it started"),
     counted("thresholdCrossings", "threshold_crossings", "how often a threshold was crossed"),
     level("seriesCrossed", "series_crossed", "series (flows, services) that are beyond a threshold now"),
     counted("eventsTold", "events_told", "events told")),
    _rows_of_collector)

PROBES = Table(
    "HeardProbe", 12, "A probe that is declared for a collector.", (COLLECTOR, Column("probe", TEXT, "", "the probe")),
    (Column("state", STATE, "state", "whether it is heard", metric="state", states=PROBE_STATES),
     Column("lastHeard", MOMENT, "last_heard_ns", "when it was last heard", "ns", "last_heard"),
     Column("run", MOMENT, "run_ns", "start of the run that was heard last", "ns", "run"),
     counted("pdus", "pdus", "PDUs of it that were written"),
     counted("rows", "rows", "observations of it that were written"),
     Column("clockKnown", TRUTH, "clock_known", "the offset of its clock is bounded on both sides", metric="clock_known"),
     Column("clockOffset", SIGNED, "clock_offset_ns", "how far this clock is ahead of the probe's: middle of bounds", "ns",
            "clock_offset"),
     Column("clockUncertainty", GAUGE, "clock_uncertainty_ns", "half of the distance between the bounds", "ns",
            "clock_uncertainty"),
     counted("clockSteps", "clock_steps", "steps of its clock that were seen"),
     counted("heartbeats", "heartbeats", "heartbeats of it"),
     counted("duplicates", "duplicates", "PDUs of it that were written already"),
     counted("refused", "refused", "PDUs of it answered by a refusal", metric="pdus_refused"),
     counted("rejected", "rejected", "datagrams in its name that changed nothing, whoever sent them",
              metric="datagrams_rejected")),
    _rows_of("HeardProbe", "probes", "probe"))

KINDS = Table(
    "SpoolKind", 13, "What a collector has written of a kind of observation.",
    (COLLECTOR, Column("kind", TEXT, "", "kind of observation: docs/observations.md")),
    (counted("rows", "rows", "rows written"),
     counted("octets", "octets", "octets written", "octets", "written"),
     counted("files", "files", "files completed"),
     level("open", "open", "a file of it is being written")),
    _rows_of("SpoolKind", "kinds", "kind"))

REJECTIONS = Table(
    "Rejection", 14, "Datagrams that changed nothing, by the reason.",
    (COLLECTOR, Column("reason", TEXT, "", "what is the matter: docs/protocol.md")),
    (counted("datagrams", "datagrams", "datagrams that changed nothing for that reason"),),
    _rows_of_rejections)

ONE_WAY = Table(
    "OneWayClass", 15, "How a collector reconciles the observations of a one-way class.",
    (COLLECTOR, Column("class", TEXT, "", "the flow class")),
    (counted("observations", "observations", "observations that came"),
     level("waiting", "waiting", "observations that wait for those of other probes"),
     counted("packets", "packets", "packets that have their verdict"),
     counted("rounds", "rounds", "rounds of packet time that were settled"),
     counted("roundsForced", "rounds_forced", "rounds that were settled without having waited for all probes"),
     counted("gaps", "gaps", "PDUs that probes say they gave up"),
     counted("late", "late", "observations of rounds that were settled already: not used"),
     counted("refused", "refused", "observations for which there was no room: not used"),
     counted("ahead", "ahead", "observations far ahead of the clock and of other probes: not used"),
     counted("undefined", "undefined", "observations whose flow was never defined: not used"),
     counted("unexpected", "unexpected", "observations of probes that are at no hop of the class: not used"),
     counted("clashes", "clashes", "packets whose signature another packet had at about that time"),
     counted("negative", "negative", "delays below zero: clocks differ"),
     counted("pdus", "pdus", "PDUs with observations of the class"),
     counted("outdated", "outdated", "observations kept by an earlier start with other hops: not used"),
     counted("definitionsForgotten", "definitions_forgotten", "definitions of flows forgotten for want of room"),
     Column("settled", MOMENT, "settled_ns", "packets that passed before have their verdict", "ns", "settled")),
    _rows_of("OneWayClass", "one_way_classes", "one_way"))

BY_NAME = {t.name: t for t in (COLLECTORS, PROBES, KINDS, REJECTIONS, ONE_WAY)}
