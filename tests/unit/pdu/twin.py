"""The codec again, slow and obvious, as docs/protocol.md tells it: what the kernels are compared with."""

from __future__ import annotations

ABSENT = -(2**63)
MASK = 2**64 - 1
PREFERENCE = ("ALL_ABSENT", "ALL_ZERO", "SAME", "PLAIN", "DELTA", "PRESENT_SAME", "PRESENT_PLAIN", "PRESENT_DELTA", "NONZERO_SAME",
              "NONZERO_PLAIN", "CHANGES", "PRESENT_CHANGES")


class UnsoundError(Exception):
    """The payload breaks the rules."""


def signed(number: int) -> int:
    number &= MASK
    return number - 2**64 if number >= 2**63 else number


def varint(value: int) -> bytes:
    """Zigzag and LEB128 of an int64."""
    return leb128(2 * value if value >= 0 else -2 * value - 1)


def leb128(number: int) -> bytes:
    octets = bytearray()
    while number >= 128:
        octets.append(number & 127 | 128)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def numbers(values: list[int]) -> bytes:
    return b"".join(varint(v) for v in values)


def deltas(values: list[int]) -> bytes:
    return b"".join(varint(signed(v - before)) for before, v in zip([0, *values], values, strict=False))


def bitmap(marks: list[bool]) -> bytes:
    octets = bytearray((len(marks) + 7) // 8)
    for i, mark in enumerate(marks):
        octets[i // 8] |= mark << i % 8
    return bytes(octets)


def changes(values: list[int]) -> bytes:
    different = [signed(v - before) for before, v in zip([0, *values], values, strict=False)]
    return bitmap([d != 0 for d in different]) + numbers([d for d in different if d])


def column_in_every_mode(values: list[int]) -> dict[str, bytes]:
    """The octets of a column in each mode that can code it."""
    present = [v for v in values if v != ABSENT]
    nonzero = [v for v in values if v != 0]
    modes = {}
    if not present:
        modes["ALL_ABSENT"] = b""
    elif len(present) == len(values):
        modes["PLAIN"] = numbers(values)
        modes["DELTA"] = deltas(values)
        modes["CHANGES"] = changes(values)
        if not nonzero:
            modes["ALL_ZERO"] = b""
        elif len(nonzero) < len(values):
            marks = bitmap([v != 0 for v in values])
            modes["NONZERO_PLAIN"] = marks + numbers(nonzero)
            if len(set(nonzero)) == 1:
                modes["NONZERO_SAME"] = marks + numbers(nonzero[:1])
        if len(set(values)) == 1:
            modes["SAME"] = numbers(values[:1])
    else:
        marks = bitmap([v != ABSENT for v in values])
        modes["PRESENT_PLAIN"] = marks + numbers(present)
        modes["PRESENT_DELTA"] = marks + deltas(present)
        modes["PRESENT_CHANGES"] = marks + changes(present)
        if len(set(present)) == 1:
            modes["PRESENT_SAME"] = marks + numbers(present[:1])
    return modes


def encode_all(rows: list[list[int]], strings: list[str]) -> tuple[bytes, int]:
    """Payload of all rows; `rows` have their string columns numbered for `strings` already. Also how many strings."""
    table = b"".join(leb128(len(s.encode())) + s.encode() for s in strings)
    modes, bodies = [], []
    for values in zip(*rows, strict=True):
        coded = column_in_every_mode(list(values))
        best = min(coded, key=lambda mode: (len(coded[mode]), PREFERENCE.index(mode)))
        modes.append(PREFERENCE.index(best))
        bodies.append(coded[best])
    modes.append(0)
    halves = bytes(modes[i] | modes[i + 1] << 4 for i in range(0, len(modes) - 1, 2))
    return table + halves + b"".join(bodies), len(strings)


def renumber(rows: list[list[int]], string_words: list[int], strings: list[str]) -> tuple[list[list[int]], list[str]]:
    """Rows whose strings are numbered in the order of their first use, and the strings in that order."""
    order: dict[int, int] = {}
    renumbered = [list(row) for row in rows]
    for row in renumbered:
        for word in string_words:
            if row[word] != ABSENT:
                row[word] = order.setdefault(row[word], len(order))
    return renumbered, [strings[i] for i in order]


def encode(rows: list[list[int]], string_words: list[int], strings: list[str], max_octets: int, max_rows: int,
           max_strings: int) -> tuple[bytes, int]:
    """(payload, rows in it): the longest beginning of `rows` that fits."""
    best = b"", 0
    for n in range(1, min(len(rows), max_rows) + 1):
        numbered, used = renumber(rows[:n], string_words, strings)
        payload, _ = encode_all(numbered, used)
        if len(payload) > max_octets or len(used) > max_strings:
            break
        best = payload, n
    return best


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, octets: int) -> bytes:
        if self.at + octets > len(self.data):
            raise UnsoundError("cut")
        self.at += octets
        return self.data[self.at - octets:self.at]

    def leb128(self) -> int:
        number = 0
        for i in range(10):
            octet = self.take(1)[0]
            number |= (octet & 127) << 7 * i
            if octet < 128:
                if number > MASK:
                    break
                return number
        raise UnsoundError("more than 64 bits")

    def number(self) -> int:
        number = self.leb128()
        return -(number // 2) - 1 if number % 2 else number // 2


def decode(payload: bytes, rows: int, sent: int, strings: int, known: int,
           string_words: list[int]) -> tuple[list[str], list[list[int]]]:
    """(strings, rows). UnsoundError when the rules are broken."""
    reader = Reader(payload)
    table = [reader.take(reader.leb128()) for _ in range(strings)]
    halves = reader.take((sent + 1) // 2)
    columns = []
    for c in range(min(sent, known)):
        mode = halves[c // 2] >> 4 * (c % 2) & 15
        if mode >= len(PREFERENCE):
            raise UnsoundError("mode")
        values = read_column(reader, PREFERENCE[mode], rows)
        if c in string_words and any(v != ABSENT and not 0 <= v < strings for v in values):
            raise UnsoundError("index")
        columns.append(values)
    if sent <= known and reader.at != len(payload):
        raise UnsoundError("trailing")
    columns += [[ABSENT] * rows] * (known - len(columns))
    try:
        return [s.decode() for s in table], [list(row) for row in zip(*columns, strict=True)]
    except UnicodeDecodeError as error:
        raise UnsoundError("UTF-8") from error


def read_column(reader: Reader, name: str, rows: int) -> list[int]:
    if name in {"ALL_ABSENT", "ALL_ZERO"}:
        return [ABSENT if name == "ALL_ABSENT" else 0] * rows
    marks = [True] * rows
    if name == "CHANGES":
        return read_changes(reader, rows)
    if name.startswith(("PRESENT", "NONZERO")):
        octets = reader.take((rows + 7) // 8)
        marks = [bool(octets[i // 8] >> i % 8 & 1) for i in range(rows)]
    count = sum(marks)
    if name == "PRESENT_CHANGES":
        following = iter(read_changes(reader, count))
        return [next(following) if mark else ABSENT for mark in marks]
    written = min(count, 1) if name.endswith("SAME") else count
    values = [reader.number() for _ in range(written)]
    if written < count:
        values *= count
    if name.endswith("DELTA"):
        total, summed = 0, []
        for value in values:
            total = signed(total + value)
            summed.append(total)
        values = summed
    following = iter(values)
    return [next(following) if mark else (0 if name.startswith("NONZERO") else ABSENT) for mark in marks]


def read_changes(reader: Reader, count: int) -> list[int]:
    octets = reader.take((count + 7) // 8)
    value, values = 0, []
    for i in range(count):
        if octets[i // 8] >> i % 8 & 1:
            value = signed(value + reader.number())
        values.append(value)
    return values
