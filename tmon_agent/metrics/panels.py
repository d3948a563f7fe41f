"""What the Grafana dashboard shows: rows of panels, their queries made from declared metrics."""

from __future__ import annotations

from dataclasses import dataclass

from tmon_agent.metrics.names import METRICS, NAMESPACE, Type

_DECLARED = {m.sample: m for m in METRICS}


@dataclass(frozen=True)
class Query:
    """expression: PromQL; legend: with {{label}}."""

    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """unit: as Grafana calls units; kind: timeseries, stat or table; bad: a stat has that colour unless it is 0."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    width: int = 8
    meaning: str = ""
    bad: bool = False
    log: bool = False


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


def now(metric: str, **chosen: str) -> str:
    """A metric as it is, of the chosen programs and labels. KeyError if it is not declared."""
    name = f"{NAMESPACE}_{metric}"
    labels = _DECLARED[name].labels
    programs = [f'{label}=~"${label}"' for label in labels if label in ("probe", "collector")]
    return f"{name}{{{', '.join([*programs, *(f'{k}={v}' for k, v in chosen.items())])}}}"


def rate(metric: str, **chosen: str) -> str:
    """Of a counter, per second. ValueError if it is none."""
    if _DECLARED[f"{NAMESPACE}_{metric}"].type is not Type.COUNTER:
        raise ValueError(f"{metric} is no counter")
    return f"rate({now(metric, **chosen)}[$__rate_interval])"


def total(expression: str, *by: str) -> str:
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def _one(expression: str, *labels: str) -> tuple[Query, ...]:
    return (Query(expression, " ".join(f"{{{{{label}}}}}" for label in labels)),)


def _stat(title: str, expression: str, unit: str = "short", *, bad: bool = False, meaning: str = "") -> Panel:
    return Panel(title, unit, (Query(expression, ""),), "stat", 3, meaning, bad)


ROWS = (
    Row("At a glance", (
        _stat("Probes that run", total(now("probe_up"))),
        _stat("Collectors that run", total(now("collector_up"))),
        _stat("Packets", total(rate("probe_packets_total")), "pps"),
        _stat("Traffic", f"8 * {total(rate('probe_traffic_bytes_total'))}", "bps"),
        _stat("Dropped by the kernel", total(f"increase({now('probe_kernel_drops_total')}[$__range])"), bad=True,
              meaning="Packets of the time shown that were not read in time."),
        _stat("Observations lost", total(f"increase({now('probe_rows_given_up_total')}[$__range])"), bad=True,
              meaning="Made in the time shown, and given up before they reached a collector."),
        _stat("Links broken", total(now("probe_links_broken")), bad=True),
        _stat("Probes silent", total(now("collector_probes_silent")), bad=True))),
    Row("Probes", (
        Panel("Packets read", "pps", _one(rate("interface_packets_total"), "probe", "interface")),
        Panel("Traffic", "bps", _one(f"8 * {rate('interface_traffic_bytes_total')}", "probe", "interface")),
        Panel("Dropped by the kernel", "pps", _one(rate("interface_kernel_drops_total"), "probe", "interface"),
              meaning="Packets that came faster than they were read."),
        Panel("Packets by what became of them", "pps", tuple(
            Query(total(rate(f"probe_packets_{what}_total"), "probe"), f"{{{{probe}}}} {what}")
            for what in ("relevant", "irrelevant", "malformed", "other"))),
        Panel("Flows", "short", (*_one(now("probe_flows"), "probe"), Query(now("probe_flows_max"), "{{probe}} room")), log=True),
        Panel("Flows that begin, and are refused", "cps", (
            Query(rate("probe_flows_created_total"), "{{probe}} begin"),
            Query(rate("probe_flows_evicted_total"), "{{probe}} refused"))),
        Panel("Silence of interfaces", "s", _one(f"time() - ({now('interface_last_packet_seconds')} > 0)", "probe", "interface"),
              meaning="Since a packet was last read."),
        Panel("CPU", "percentunit", (
            Query(rate("ring_cpu_seconds_total"), "{{probe}} father {{father}}"),
            Query(rate("probe_child_cpu_seconds_total"), "{{probe}} child"))),
        Panel("Counts of analyses", "short", _one(now("analysis_value"), "probe", "counter"), log=True))),
    Row("Rings between fathers and child", (
        Panel("Filled", "percentunit", _one(f"{now('ring_filled')} / {now('ring_slots')}", "probe", "father")),
        Panel("Filled at most since the start", "percentunit",
              _one(f"{now('ring_high_water')} / {now('ring_slots')}", "probe", "father")),
        Panel("Found full", "ops", _one(rate("ring_saturations_total"), "probe", "father"),
              meaning="How often the father had to wait: the child does not keep up."))),
    Row("From probes to collectors", (
        Panel("PDUs sent", "ops", _one(rate("link_pdus_sent_total"), "probe", "collector")),
        Panel("Sent again", "percentunit",
              _one(f"{rate('link_pdus_retried_total')} / ({rate('link_pdus_sent_total')} > 0)", "probe", "collector")),
        Panel("PDUs that wait", "short", _one(now("link_pdus_waiting"), "probe", "collector")),
        Panel("Backlog", "bytes", _one(now("link_backlog_bytes"), "probe", "collector")),
        Panel("Long retry mode", "short", _one(now("link_long_retry"), "probe", "collector"),
              meaning="1 while the collector does not answer."),
        Panel("Traffic of trafMon", "bps", _one(f"8 * {rate('link_sent_bytes_total')}", "probe", "collector")))),
    Row("Collectors", (
        Panel("Observations written", "ops", _one(rate("spool_kind_rows_total"), "collector", "kind")),
        Panel("Written", "Bps", _one(rate("spool_kind_written_bytes_total"), "collector", "kind")),
        Panel("Datagrams that changed nothing", "ops", _one(rate("rejection_datagrams_total"), "collector", "reason")),
        Panel("Probes", "short", (
            Query(now("collector_probes_alive"), "{{collector}} alive"),
            Query(now("collector_probes_silent"), "{{collector}} silent"),
            Query(now("collector_probes_broken"), "{{collector}} not taken"),
            Query(now("collector_keys_missing"), "{{collector}} without a key"))),
        Panel("Last heard", "s", _one(f"time() - ({now('heard_probe_last_heard_seconds')} > 0)", "collector", "probe")),
        Panel("Clock offset of probes", "s", (
            Query(now("heard_probe_clock_offset_seconds"), "{{collector}} {{probe}}"),
            Query(now("heard_probe_clock_uncertainty_seconds"), "{{collector}} {{probe}} uncertainty"))),
        Panel("Spool in trouble, thresholds crossed", "short", (
            Query(now("collector_spool_in_trouble"), "{{collector}} spool"),
            Query(now("collector_thresholds_crossed"), "{{collector}} thresholds"))),
        Panel("Journal", "bytes", _one(now("collector_journal_bytes"), "collector")),
        Panel("CPU", "percentunit", _one(rate("collector_cpu_seconds_total"), "collector")))),
    Row("One-way", (
        Panel("Packets judged", "pps", _one(rate("one_way_class_packets_total"), "collector", "class")),
        Panel("Observations that wait", "short", _one(now("one_way_class_waiting"), "collector", "class")),
        Panel("Observations not used", "ops", tuple(
            Query(rate(f"one_way_class_{why}_total"), f"{{{{collector}}}} {{{{class}}}} {why}")
            for why in ("late", "refused", "ahead", "undefined", "unexpected", "outdated"))),
        Panel("Rounds", "ops", (
            Query(rate("one_way_class_rounds_total"), "{{collector}} {{class}}"),
            Query(rate("one_way_class_rounds_forced_total"), "{{collector}} {{class}} forced"))),
        Panel("Clashes of signatures", "ops", _one(rate("one_way_class_clashes_total"), "collector", "class")),
        Panel("Delays below zero", "ops", _one(rate("one_way_class_negative_total"), "collector", "class"),
              meaning="Clocks of probes differ by more than the delay."))),
    Row("Agents", (
        Panel("Notifications", "ops", tuple(
            Query(rate(f"{program}_notifications_{what}_total"), f"{{{{{program}}}}} {what}")
            for program in ("probe", "collector") for what in ("sent", "lost"))),
        Panel("Started again", "short", tuple(_one(now(f"{p}_agent_restarts_total"), p)[0] for p in ("probe", "collector"))),
        Panel("Connections for metrics", "ops", _one(rate("agent_http_connections_total"), "instance", "outcome")))),
)
