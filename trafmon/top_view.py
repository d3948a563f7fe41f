"""How `trafmon top` shows a probe: a few lines and a table of its interfaces, within 80 columns; colours only for trouble."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from trafmon.console_table import printable
from trafmon.top_figures import InterfaceFigures, ProbeFigures, RingFigures

BAR = 24
WARNING, BAD = "yellow", "bold red"
HALF_FULL, NEARLY_FULL = 0.5, 0.9
NAME_CHARACTERS = 22
WORTH_TELLING_S = 1.0
"""A shorter silence is none."""
_LABEL = 10


class Screenful:
    """As much of a page as the screen has room for, with a foot that is always seen and tells how much is not."""

    def __init__(self, page: Group, foot: str) -> None:
        self._page, self._foot = page, foot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._page, options.update(height=None), pad=False)
        room = max(console.height - 2, 0)
        for line in lines[:room]:
            yield from (*line, Segment.line())
        hidden = len(lines) - room
        foot = self._foot + (f"  more lines: {hidden}; enlarge the window, or name a probe" if hidden > 0 else "")
        yield Group(Text(), Text(foot, style="dim", no_wrap=True, overflow="ellipsis"))


def view(probes: Iterable[ProbeFigures]) -> Group:
    """All of them, one below the other."""
    parts: list[Text | Table] = []
    for probe in probes:
        if parts:
            parts.append(Text())
        parts += _panel(probe)
    return Group(*parts)


def _panel(p: ProbeFigures) -> list[Text | Table]:
    lines = [_head(p), _traffic(p), _losses(p), *(_ring(p, r) for r in p.rings), _flows(p), _pdus(p)]
    if p.malformed_by_reason:
        reasons = ", ".join(f"{printable(r).replace('_', ' ')} {count(n)}" for r, n in p.malformed_by_reason.items())
        lines.append(_line("malformed", reasons))
    if told := "  ".join(f"{printable(name)} {count(n)}" for name, n in p.analyses.items() if n):
        lines.append(_line("analyses", told))
        lines[-1].no_wrap, lines[-1].overflow = False, "fold"
    return [*lines, Text(), _interfaces(p.interfaces)]


def _head(p: ProbeFigures) -> Text:
    text = Text.assemble((printable(p.probe) or "probe", "bold"), f"  on {printable(p.host)}  pid {p.pid}")
    if p.up_s is not None and not p.ended:
        text.append(f"  up {duration(p.up_s)}")
    if p.ended:
        text.append("  ended", style=BAD)
    text.append(f"  {printable(p.configuration)}", style="dim")
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _traffic(p: ProbeFigures) -> Text:
    parts = [f"{rate(p.packets_rate):>9}/s", f"{megabits(p.bit_rate)} Mbit/s", f"total {count(p.packets)}"]
    if p.relevant is not None:
        parts.append(f"relevant {percent(p.relevant)}")
    if p.progress is not None:
        parts.append(f"read {percent(p.progress)}")
    return _line("packets", *parts)


def _losses(p: ProbeFigures) -> Text:
    parts: list[str | tuple[str, str]] = [
        (f"{rate(p.drops_rate):>9}/s", BAD if p.drops_rate else ""), (f"total {count(p.drops)}", WARNING if p.drops else ""),
        (f"malformed {rate(p.malformed_rate)}/s", WARNING if p.malformed_rate else ""), f"total {count(p.malformed)}"]
    if p.merged:
        parts.append((f"merged {count(p.merged)}", WARNING))
    return _line("drops", *parts)


def _ring(p: ProbeFigures, ring: RingFigures) -> Text:
    """A recording waits for room in the ring: a full one is trouble for devices only."""
    live = any(i.live for i in p.interfaces)
    style = "" if not live else BAD if ring.filled >= NEARLY_FULL else WARNING if ring.filled >= HALF_FULL else ""
    bars = min(round(ring.filled * BAR), BAR)
    text = _line(f"ring {ring.father}" if len(p.rings) > 1 else "ring",
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
    return _line("flows", *parts)


def _pdus(p: ProbeFigures) -> Text:
    parts = [f"{rate(p.pdus_rate):>9}/s", f"sent {count(p.pdus_sent)}", f"waiting {count(p.pdus_waiting)}",
             (f"retried {count(p.pdus_retried)}", WARNING if p.pdus_retried_rate else "")]
    if p.links_broken:
        parts.append((f"links broken {p.links_broken}", BAD))
    if p.rows_given_up:
        parts.append((f"rows given up {count(p.rows_given_up)}", BAD))
    if p.events:
        parts.append(f"events {count(p.events)}")
    return _line("PDUs", *parts)


def _interfaces(interfaces: Iterable[InterfaceFigures]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("  interface", "packets/s", "Mbit/s", "drops", "malformed", ""):
        left = not head.strip() or head.endswith("interface")
        table.add_column(head, justify="left" if left else "right", no_wrap=True)
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


def _line(label: str, *parts: str | tuple[str, str]) -> Text:
    text = Text.assemble((f"  {label:<{_LABEL}}", "dim"))
    for number, part in enumerate(parts):
        words, style = (part, "") if isinstance(part, str) else part
        text.append("  " if number else "").append(words, style=style or None)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def rate(value: float | None) -> str:
    """Of anything per second; a dash if unknown."""
    if value is None:
        return "-"
    return f"{value:.1f}" if 0 < value < 9.95 else count(round(value))


def count(number: int) -> str:
    """Exact up to seven digits, then with a unit."""
    if number < 10_000_000:
        return f"{number:,}"
    value = float(number)
    for unit in ("k", "M", "G", "T", "P", "E"):
        value /= 1000
        if value < 999.95 or unit == "E":
            break
    return f"{value:.1f} {unit}"


def megabits(bits: float | None) -> str:
    if bits is None:
        return "-"
    value = bits / 1e6
    return "0" if not value else f"{value:.3f}" if value < 0.9995 else f"{value:.2f}" if value < 9.995 else f"{value:,.1f}"


def percent(share: float) -> str:
    """< 1 % for very little, so that 0 % means nothing."""
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def duration(seconds: float) -> str:
    """In its two largest units: 12 s, 3 min 20 s, 2 h 5 min, 4 d 3 h."""
    whole = max(int(seconds), 0)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    first = next((n for n, (_, length) in enumerate(units) if whole >= length), 3)
    parts = [(whole % units[n - 1][1] if n > first else whole) // units[n][1] for n in range(first, min(first + 2, 4))]
    return " ".join(f"{value} {units[first + n][0]}" for n, value in enumerate(parts) if value or not n)
