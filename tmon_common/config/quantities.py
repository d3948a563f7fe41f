"""Values as they are written in the configuration: lengths of time, octets, counts, moments, CPU lists, names.

Every parser takes the text, gives the value, and raises ValueError with a message that says what was expected.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

NS_OF = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}
OCTETS_OF = {"": 1, "k": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20, "G": 1 << 30, "GiB": 1 << 30,
             "kB": 10**3, "MB": 10**6, "GB": 10**9}
COUNT_OF = {"": 1, "k": 1 << 10, "M": 1 << 20}
BITS_OF = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9}
MAX_CPU = 4095
_SECOND, _MINUTE, _HOUR = NS_OF["s"], NS_OF["min"], NS_OF["h"]

_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z/]*)")
_NUMBER = re.compile(r"[0-9]{1,39}|0[xX][0-9a-fA-F]{1,32}")
_NAME = re.compile(r"\w[\w.:-]{0,62}")


def parse_duration(text: str, low: int = 0, high: int = 1 << 62) -> int:
    """ns of "200us", "1.5s", "5min"; a lone 0 needs no unit."""
    match = _QUANTITY.fullmatch(text)
    if match is None or (match[2] not in NS_OF and not (match[2] == "" and Decimal(match[1]) == 0)):
        raise ValueError("expected a length of time such as 200us, 1.5s or 5min (units ns us ms s min h d)")
    ns = Decimal(match[1]) * NS_OF.get(match[2], 1)
    if ns != int(ns):
        raise ValueError("expected whole nanoseconds")
    if not low <= ns <= high:
        raise ValueError(f"expected {format_duration(low)} to {format_duration(high)}")
    return int(ns)


def parse_signed_duration(text: str, limit: int) -> int:
    """ns of "-3600s", "200us": as parse_duration, of `limit` at most, also below zero."""
    return -parse_duration(text[1:], 0, limit) if text.startswith("-") else parse_duration(text, 0, limit)


def format_duration(ns: int) -> str:
    """The shortest exact writing that `parse_duration` reads back."""
    unit = next(u for u in reversed(NS_OF) if ns % NS_OF[u] == 0)
    return f"{ns // NS_OF[unit]}{unit}" if ns else "0"


def format_signed_duration(ns: int) -> str:
    """As format_duration, also below zero."""
    return f"-{format_duration(-ns)}" if ns < 0 else format_duration(ns)


def parse_interval(text: str) -> int:
    """ns of the observation intervals of an analysis, which start at multiples of it."""
    interval = parse_duration(text, _SECOND, _HOUR)
    if _MINUTE % interval and (interval % _MINUTE or _HOUR % interval):
        raise ValueError("minutes and hours could not be summed up from such intervals; expected one that divides the minute "
                         "(1s 2s 3s 4s 5s 6s 10s 12s 15s 20s 30s 60s), or whole minutes that divide the hour "
                         "(2min 3min 4min 5min 6min 10min 12min 15min 20min 30min 1h)")
    return interval


def parse_octets(text: str, low: int = 0, high: int = 1 << 62) -> int:
    """Octets of "65535", "64k", "16MiB", "1.5GB"."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in OCTETS_OF:
        raise ValueError("expected octets such as 1400, 64k or 16MiB (units k M G KiB MiB GiB kB MB GB)")
    return _whole(Decimal(match[1]) * OCTETS_OF[match[2]], low, high, "octets")


def parse_count(text: str, low: int = 0, high: int = 1 << 62) -> int:
    """Number of things: "65536", "64k", "1M" (k is 1024)."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in COUNT_OF:
        raise ValueError("expected a number such as 65536, 64k or 1M (k is 1024)")
    return _whole(Decimal(match[1]) * COUNT_OF[match[2]], low, high, "")


def parse_bit_rate(text: str, low: int = 1, high: int = 10**15) -> int:
    """bit/s of "64kbit/s", "1.5Mbit/s", "10Gbit/s" (k is 1000)."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in BITS_OF:
        raise ValueError("expected a rate such as 1.5Mbit/s (units bit/s kbit/s Mbit/s Gbit/s)")
    return _whole(Decimal(match[1]) * BITS_OF[match[2]], low, high, "bit/s")


def parse_per_second(text: str) -> float:
    """Things per second of "100/s", "0.5/s"."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] != "/s":
        raise ValueError("expected a number per second, such as 100/s or 0.5/s")
    return float(match[1])


def parse_ratio(text: str) -> float:
    """0 to 1 of "2.5%", "0.025"."""
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,9})?) ?(%?)", text)
    ratio = Decimal(match[1]) / (100 if match[2] else 1) if match else Decimal(-1)
    if not 0 <= ratio <= 1:
        raise ValueError("expected a ratio: 0% to 100%, or 0 to 1")
    return float(ratio)


def parse_times(text: str) -> float:
    """How many times something: "1.5x"."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] != "x" or not 0 < float(match[1]) <= 10**6:
        raise ValueError("expected how many times the baseline, such as 3x or 0.5x")
    return float(match[1])


def _whole(value: Decimal, low: int, high: int, unit: str) -> int:
    if value != int(value) or not low <= value <= high:
        words = [f"{low} to {high}", *([unit] if unit else [])]
        raise ValueError(f"expected {' '.join(words)}")
    return int(value)


def parse_power_of_two(text: str, low: int, high: int) -> int:
    """A count that is a power of two; the message names those beside it."""
    return _power_of_two(parse_count(text, low, high))


def parse_octets_power_of_two(text: str, low: int, high: int) -> int:
    """Octets that are a power of two."""
    return _power_of_two(parse_octets(text, low, high))


def _power_of_two(count: int) -> int:
    if count & (count - 1):
        below = 1 << (count.bit_length() - 1)
        raise ValueError(f"expected a power of two, such as {below} or {2 * below}")
    return count


def parse_number(text: str, low: int = 0, high: int = (1 << 128) - 1) -> int:
    """Decimal or 0x hexadecimal."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"expected a number, {low} to {high}")
    number = int(text, 0) if text[1:2] in "xX" and len(text) > 2 else int(text)
    if not low <= number <= high:
        raise ValueError(f"expected {low} to {high}")
    return number


def parse_port(text: str) -> int:
    """UDP port of a socket."""
    return parse_number(text, 1, 65535)


def parse_listen_address(text: str) -> str:
    """An address to bind to."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("expected an address of the machine, 0.0.0.0 or ::") from None


def parse_free_port(text: str) -> int:
    """Port of a socket; 0: any that is free."""
    return parse_number(text, 0, 65535)


def parse_multiplier(text: str, low: float, high: float) -> float:
    """Decimal number."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not low <= float(text) <= high:
        raise ValueError(f"expected {low:g} to {high:g}, such as 1.5")
    return float(text)


def parse_moment(text: str) -> int:
    """ns since 1970-01-01 UTC of an ISO 8601 date and time that says its zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("expected date, time and zone, such as 2026-11-22T10:00:00Z")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def parse_cpus(text: str) -> tuple[int, ...]:
    """CPU numbers, ascending: "1-3 5"."""
    cpus: set[int] = set()
    for part in split_list(text)[: MAX_CPU + 1]:
        match = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part)
        if match is None or int(match[2] or match[1]) > MAX_CPU:
            raise ValueError(f"{part} is not a CPU; expected numbers and ranges such as 1-3 5, 0 to {MAX_CPU}")
        low, high = int(match[1]), int(match[2] or match[1])
        if low > high:
            raise ValueError(f"range {part} is empty; expected {high}-{low}?")
        cpus.update(range(low, high + 1))
    if not cpus:
        raise ValueError("expected CPU numbers and ranges such as 1-3 5")
    return tuple(sorted(cpus))


def parse_name(text: str) -> str:
    """A name given to something in the configuration."""
    if not _NAME.fullmatch(text):
        raise ValueError("expected a name: a letter, digit or _, then the same and . : - ; no blanks; at most 63 characters")
    return text


def parse_file_part(text: str) -> str:
    """A name that becomes part of file names."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}", text):
        raise ValueError("expected letters A to Z, digits, _ and - only (it is part of file names); at most 63 characters")
    return text


def split_list(text: str) -> list[str]:
    """Members of a list, separated by blanks (commas do no harm)."""
    return re.split(r"[\s,]+", text.strip(" \t\r\n,")) if text.strip(" \t\r\n,") else []
