"""How `trafmon top` shows probes: a few lines and a table of the interfaces, within 80 columns; colours only for trouble."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from trafmon.console_table import printable
from trafmon.top_collector_figures import CollectorFigures
from trafmon.top_collector_view import collector_panel
from trafmon.top_figures import InterfaceFigures, ProbeFigures, RingFigures
from trafmon.top_text import BAD, WARNING, count, duration, head, line, megabits, percent, rate

BAR = 24
HALF_FULL, NEARLY_FULL = 0.5, 0.9
NAME_CHARACTERS = 22
WORTH_TELLING_S = 1.0
"""A shorter silence is none."""


class Screenful:
    """As much of a page as the screen has room for, with a foot that is always seen and tells how much is not."""

    def __init__(self, page: Group, foot: str) -> None:
        self._page, self._foot = page, foot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._page, options.update(height=None), pad=False)
        room = max(console.height - 2, 0)
        for shown in lines[:room]:
            yield from (*shown, Segment.line())
        hidden = len(lines) - room
        foot = self._foot + (f"  more lines: {hidden}; enlarge the window, or name a probe" if hidden > 0 else "")
        yield Group(Text(), Text(foot, style="dim", no_wrap=True, overflow="ellipsis"))


def view(probes: Iterable[ProbeFigures], collectors: Iterable[CollectorFigures] = ()) -> Group:
    """All of them, one below the other."""
    parts: list[Text | Table] = []
    for panel in (*map(_panel, probes), *map(collector_panel, collectors)):
        if parts:
            parts.append(Text())
        parts += panel
    return Group(*parts)


def _panel(p: ProbeFigures) -> list[Text | Table]:
    lines = [head(p.probe or "probe", p), _traffic(p), _losses(p), *(_ring(p, r) for r in p.rings), _flows(p), _pdus(p)]
    if p.malformed_by_reason:
        reasons = ", ".join(f"{printable(r).replace('_', ' ')} {count(n)}" for r, n in p.malformed_by_reason.items())
        lines.append(line("malformed", reasons))
    if told := "  ".join(f"{printable(name)} {count(n)}" for name, n in p.analyses.items() if n):
        lines.append(line("analyses", told))
        lines[-1].no_wrap, lines[-1].overflow = False, "fold"
    return [*lines, Text(), _interfaces(p.interfaces)]


def _traffic(p: ProbeFigures) -> Text:
    parts = [f"{rate(p.packets_rate):>9}/s", f"{megabits(p.bit_rate)} Mbit/s", f"total {count(p.packets)}"]
    if p.relevant is not None:
        parts.append(f"relevant {percent(p.relevant)}")
    if p.progress is not None:
        parts.append(f"read {percent(p.progress)}")
    return line("packets", *parts)


def _losses(p: ProbeFigures) -> Text:
    parts: list[str | tuple[str, str]] = [
        (f"{rate(p.drops_rate):>9}/s", BAD if p.drops_rate else ""), (f"total {count(p.drops)}", WARNING if p.drops else ""),
        (f"malformed {rate(p.malformed_rate)}/s", WARNING if p.malformed_rate else ""), f"total {count(p.malformed)}"]
    if p.merged:
        parts.append((f"merged {count(p.merged)}", WARNING))
    return line("drops", *parts)


def _ring(p: ProbeFigures, ring: RingFigures) -> Text:
    """A recording waits for room in the ring: a full one is trouble for devices only."""
    live = any(i.live for i in p.interfaces)
    style = "" if not live else BAD if ring.filled >= NEARLY_FULL else WARNING if ring.filled >= HALF_FULL else ""
    bars = min(round(ring.filled * BAR), BAR)
    text = line(f"ring {ring.father}" if len(p.rings) > 1 else "ring",
                 (f"[{'|' * bars:<{BAR}}]{percent(ring.filled):>6}", style), f"highest {percent(ring.highest)}",
                 (f"waits {count(ring.waits)}", BAD if live and ring.waits_rate else ""))
    if ring.cpu is not None:
        text.append(f"  cpu {percent(ring.cpu)}")
    return text


def _flows(p: ProbeFigures) -> Text:
    parts: list[str | tuple[str, str]] = [
        f"{count(p.flows):>9}  ", f"{rate(p.flows_rate)}/s new", f"rows {rate(p.rows_rate)}/s"]
    if p.flows_evicted:
        parts.append((f"evicted {count(p.flows_evicted)}", WARNING))
    if p.child_cpu is not None:
        parts.append(f"cpu {percent(p.child_cpu)}")
    return line("flows", *parts)


def _pdus(p: ProbeFigures) -> Text:
    parts = [f"{rate(p.pdus_rate):>9}/s", f"sent {count(p.pdus_sent)}", f"waiting {count(p.pdus_waiting)}",
             (f"retried {count(p.pdus_retried)}", WARNING if p.pdus_retried_rate else "")]
    if p.links_broken:
        parts.append((f"links broken {p.links_broken}", BAD))
    if p.rows_given_up:
        parts.append((f"rows given up {count(p.rows_given_up)}", BAD))
    if p.events:
        parts.append(f"events {count(p.events)}")
    return line("PDUs", *parts)


def _interfaces(interfaces: Iterable[InterfaceFigures]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("  interface", "packets/s", "Mbit/s", "drops", "malformed", ""):
        left = not title.strip() or title.endswith("interface")
        table.add_column(title, justify="left" if left else "right", no_wrap=True)
    for i in interfaces:
        name = printable(i.name) + (f" ({printable(i.device)})" if i.device and i.device != i.name else "")
        name = name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"
        table.add_row(Text("  " + name), rate(i.packets_rate), megabits(i.bit_rate),
                      Text(count(i.drops), style=WARNING if i.drops else ""), count(i.malformed), _state(i))
    return table


def _state(i: InterfaceFigures) -> Text:
    """The worst there is to say."""
    if i.gone:
        return Text("gone", style=BAD)
    if i.drops_rate:
        return Text(f"drops {rate(i.drops_rate)}/s", style=BAD)
    if i.live and i.silent_s is not None and i.silent_s >= WORTH_TELLING_S:
        return Text(f"silent {duration(i.silent_s)}", style=WARNING)
    return Text(f"merged {count(i.merged)}", style=WARNING) if i.merged else Text()
