"""How `trafmon top` writes: lines with a label, numbers within a few characters; colours only for trouble."""

from __future__ import annotations

from rich.text import Text

from trafmon.console_table import printable

WARNING, BAD = "yellow", "bold red"
NAME_CHARACTERS = 22
_LABEL = 10


def head(name: str, what: str, host: str, pid: int, up_s: float | None, configuration: str, *, ended: bool) -> Text:
    """The first line of a program. what: it is, if not a probe."""
    text = Text.assemble((printable(name), "bold"), f"  {what}on {printable(host)}  pid {pid}")
    if up_s is not None and not ended:
        text.append(f"  up {duration(up_s)}")
    if ended:
        text.append("  ended", style=BAD)
    text.append(f"  {printable(configuration)}", style="dim")
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def line(label: str, *parts: str | tuple[str, str]) -> Text:
    text = Text.assemble((f"  {label:<{_LABEL}}", "dim"))
    for number, part in enumerate(parts):
        words, style = (part, "") if isinstance(part, str) else part
        text.append("  " if number else "").append(words, style=style or None)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def folded(label: str, told: str) -> Text:
    """A line that may become several."""
    text = line(label, told)
    text.no_wrap, text.overflow = False, "fold"
    return text


def named(name: str) -> str:
    """In the first column of a table."""
    name = printable(name)
    return name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"


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


def short_time(seconds: float) -> str:
    """-2.50 ms, 13.0 us: three digits."""
    factor, unit = next(((f, u) for f, u in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if abs(seconds) >= f), (1e-9, "ns"))
    value = seconds / factor
    return f"{value:.{2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0}f} {unit}"
