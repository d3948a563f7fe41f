"""How `trafmon top` shows a collector: a few lines and a table of its probes, within 80 columns; colours only for trouble."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from trafmon.console_table import printable
from trafmon.top_collector_figures import CollectorFigures, HeardProbeFigures, OneWayFigures
from trafmon.top_text import BAD, WARNING, count, duration, head, line, megabits, percent, rate

NAME_CHARACTERS = 22
UNUSUAL = {"silent": BAD, "broken": BAD, "never": WARNING}

Part = str | tuple[str, str]


def collector_panel(c: CollectorFigures) -> list[Text | Table]:
    lines = [head(c.collector or "collector", c), _received(c), _rows(c), _spool(c), _probes(c), *map(_one_way, c.one_way)]
    if c.rejected_by_reason:
        lines.append(line("rejected", ", ".join(f"{printable(r).replace('_', ' ')} {count(n)}"
                                                for r, n in c.rejected_by_reason.items())))
    return [*lines, Text(), _table(c.probes)] if c.probes else lines


def _received(c: CollectorFigures) -> Text:
    parts: list[Part] = [f"{rate(c.pdus_rate):>9}/s", f"{megabits(c.bit_rate)} Mbit/s", f"total {count(c.pdus)}",
                         f"repeated {count(c.duplicates)}",
                         (f"rejected {count(c.rejected + c.refused)}", WARNING if c.rejected_rate else "")]
    if c.drops:
        parts.append((f"dropped {count(c.drops)}", BAD if c.drops_rate else WARNING))
    return line("PDUs", *parts)


def _rows(c: CollectorFigures) -> Text:
    parts = [f"{rate(c.rows_rate):>9}/s", f"total {count(c.rows)}", f"events {count(c.events)}"]
    return line("rows", *parts, *([f"cpu {percent(c.cpu)}"] if c.cpu is not None else []))


def _spool(c: CollectorFigures) -> Text:
    parts: list[Part] = [f"{count(c.files):>9}", f"files, {count(c.files_open)} open", f"journal {count(c.journal_octets)} octets"]
    if c.in_trouble:
        parts.append(("cannot be written", BAD))
    if c.unwritten:
        parts.append((f"PDUs put off {count(c.unwritten)}", WARNING))
    if c.own_rows_waiting:
        parts.append((f"events wait {count(c.own_rows_waiting)}", BAD))
    if c.own_rows_lost:
        parts.append((f"events lost {count(c.own_rows_lost)}", BAD))
    return line("spool", *parts)


def _probes(c: CollectorFigures) -> Text:
    parts: list[Part] = [f"{count(c.states['alive']):>9}  alive"]
    parts += [(f"{state} {count(n)}", UNUSUAL[state]) for state, n in c.states.items() if n and state != "alive"]
    if c.keys_missing:
        parts.append((f"keys missing {count(c.keys_missing)}", BAD))
    if c.thresholds_crossed:
        parts.append((f"thresholds crossed {count(c.thresholds_crossed)}", WARNING))
    return line("probes", *parts)


def _one_way(o: OneWayFigures) -> Text:
    parts: list[Part] = [f"{rate(o.packets_rate):>9}/s", f"{printable(o.name)}: {count(o.packets)} packets",
                         f"waiting {count(o.waiting)}"]
    if o.rounds_forced:
        parts.append((f"forced {count(o.rounds_forced)}", WARNING))
    return line("one-way", *parts, *((f"{reason} {count(n)}", WARNING) for reason, n in o.unused.items()))


def _table(probes: Iterable[HeardProbeFigures]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("  probe", "PDUs/s", "rows/s", "rejected", "clock", ""):
        left = not title.strip() or title.endswith("probe")
        table.add_column(title, justify="left" if left else "right", no_wrap=True)
    for p in probes:
        name = printable(p.name)
        name = name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"
        table.add_row(Text("  " + name), rate(p.pdus_rate), rate(p.rows_rate),
                      Text(count(p.rejected), style=WARNING if p.rejected_rate else ""), _clock(p), _state(p))
    return table


def _clock(p: HeardProbeFigures) -> str:
    """How far the collector's clock is ahead."""
    if p.clock_offset_s is None:
        return "-"
    return f"{milliseconds(p.clock_offset_s, '+')} ±{milliseconds(p.clock_uncertainty_s)} ms"


def milliseconds(seconds: float, sign: str = "") -> str:
    """Three digits that count."""
    value = seconds * 1000
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:{sign},.{digits}f}"


def _state(p: HeardProbeFigures) -> Text:
    if p.state in UNUSUAL and p.silent_s is not None:
        return Text(f"{p.state} {duration(p.silent_s)}", style=UNUSUAL[p.state])
    return Text("" if p.state == "alive" else printable(p.state), style=UNUSUAL.get(p.state, ""))
