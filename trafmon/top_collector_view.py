"""How `trafmon top` shows a collector: a few lines and a table of the probes it hears, within 80 columns."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from trafmon.console_table import printable
from trafmon.top_collector_figures import CollectorFigures, HeardFigures, OneWayFigures
from trafmon.top_text import BAD, WARNING, count, duration, folded, head, line, megabits, named, percent, rate, short_time

_STATES = {"alive": "", "never": WARNING}


def collector_panel(c: CollectorFigures) -> list[Text | Table]:
    lines = [head(c.collector or "collector", "collector ", c.host, c.pid, c.up_s, c.configuration, ended=c.ended),
             _received(c), _rows(c), _spool(c)]
    if c.rejected_by_reason:
        lines.append(folded("rejected", ", ".join(f"{printable(r).replace('_', ' ')} {count(n)}"
                                                  for r, n in c.rejected_by_reason.items())))
    if c.rows_by_kind:
        lines.append(folded("kinds", "  ".join(f"{printable(k)} {count(n)}" for k, n in c.rows_by_kind.items())))
    lines += [_one_way(o) for o in c.one_way]
    return [*lines, Text(), _probes(c.probes)]


def _received(c: CollectorFigures) -> Text:
    parts: list[str | tuple[str, str]] = [f"{rate(c.datagrams_rate):>9}/s", f"{megabits(c.bit_rate)} Mbit/s",
                                          f"total {count(c.datagrams)}"]
    if c.rejected:
        parts.append((f"rejected {count(c.rejected)}", WARNING if c.rejected_rate else ""))
    if c.receive_drops:
        parts.append((f"dropped {count(c.receive_drops)}", BAD if c.receive_drops_rate else WARNING))
    return line("datagrams", *parts)


def _rows(c: CollectorFigures) -> Text:
    parts: list[str | tuple[str, str]] = [f"{rate(c.rows_rate):>9}/s", f"total {count(c.rows)}", f"PDUs {rate(c.pdus_rate)}/s",
                                          f"twice {count(c.duplicates)}"]
    if c.refused:
        parts.append((f"refused {count(c.refused)}", WARNING))
    if c.cpu is not None:
        parts.append(f"cpu {percent(c.cpu)}")
    return line("rows", *parts)


def _spool(c: CollectorFigures) -> Text:
    parts: list[str | tuple[str, str]] = [f"{count(c.files_completed):>9} files", f"{count(c.files_open)} open",
                                          f"events {count(c.events)}"]
    if c.in_trouble:
        parts.append(("cannot be written", BAD))
    if c.unwritten:
        parts.append((f"not taken {count(c.unwritten)}", BAD if c.in_trouble else WARNING))
    if c.keys_missing:
        parts.append((f"keys missing {c.keys_missing}", BAD))
    if c.thresholds_crossed:
        parts.append((f"thresholds crossed {c.thresholds_crossed}", WARNING))
    return line("spool", *parts)


def _one_way(o: OneWayFigures) -> Text:
    parts: list[str | tuple[str, str]] = [f"{rate(o.packets_rate):>9}/s", f"class {named(o.flow_class)}",
                                          f"total {count(o.packets)}", f"waiting {count(o.waiting)}"]
    if o.unused:
        parts.append((f"not used {count(o.unused)}", WARNING if o.unused_rate else ""))
    if o.rounds_forced:
        parts.append((f"forced {count(o.rounds_forced)}", WARNING))
    return line("one-way", *parts)


def _probes(probes: tuple[HeardFigures, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("  probe", "", "heard", "PDUs/s", "rows/s", "clock"):
        left = title in ("  probe", "", "clock")
        table.add_column(title, justify="left" if left else "right", no_wrap=True)
    for p in probes:
        heard = "-" if p.silent_s is None else f"{duration(p.silent_s)} ago"
        table.add_row(Text("  " + named(p.probe)), Text(p.state, style=_STATES.get(p.state, BAD)), heard, rate(p.pdus_rate),
                      rate(p.rows_rate), _clock(p))
    return table


def _clock(p: HeardFigures) -> str:
    if p.clock_offset_s is None:
        return "-"
    return f"{short_time(p.clock_offset_s)} ± {short_time(p.clock_uncertainty_s or 0)}"
