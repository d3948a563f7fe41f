"""How figures are written in a panel of `trafmon top`."""

from __future__ import annotations

from typing import Protocol

from rich.text import Text

from trafmon.console_table import printable

WARNING, BAD = "yellow", "bold red"
_LABEL = 10


class Whose(Protocol):
    """Figures of a program."""

    host: str
    pid: int
    up_s: float | None
    ended: bool
    configuration: str


def head(name: str, whose: Whose) -> Text:
    """First line of a panel."""
    text = Text.assemble((printable(name), "bold"), f"  on {printable(whose.host)}  pid {whose.pid}")
    if whose.up_s is not None and not whose.ended:
        text.append(f"  up {duration(whose.up_s)}")
    if whose.ended:
        text.append("  ended", style=BAD)
    text.append(f"  {printable(whose.configuration)}", style="dim")
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def line(label: str, *parts: str | tuple[str, str]) -> Text:
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
