"""The code of one-way observations read slowly, as docs/protocol.md section 7 tells it; bits as text."""

from __future__ import annotations

from tests.unit.pdu.twin import Reader, UnsoundError
from tmon_common.observations import ABSENT

LIMIT = 2**62 - 1


class Bits:
    def __init__(self, data: bytes) -> None:
        self.text = "".join(f"{octet:08b}"[::-1] for octet in data)  # the lowest bit first
        self.at = 0

    def take(self, n: int) -> str:
        if self.at + n > len(self.text):
            raise UnsoundError("cut")
        self.at += n
        return self.text[self.at - n:self.at]

    def number(self, n: int) -> int:
        return int(self.take(n)[::-1] or "0", 2)

    def rice(self, parameter: int) -> int:
        ones = 0
        while self.take(1) == "1":
            ones += 1
            if ones == 24:
                return self.number(64)
        return ones << parameter | self.number(parameter)


def need(condition: bool) -> None:
    if not condition:
        raise UnsoundError("range")


def parameter_of(octet: int) -> int:
    need(octet % 64 <= 40)
    return octet % 64


def decode(payload: bytes) -> tuple:
    """(class, signature octets, resolution, sizes, number, watermark, ended, rows). UnsoundError when the rules are broken."""
    reader = Reader(payload)
    first, second = reader.take(2)
    need(first >> 4 == 1 and first & 8 == 0)
    signature_octets, exponent = second & 15, second >> 4
    need(signature_octets in (2, 3, 4) and exponent <= 6)
    unit = 10**exponent
    limit = LIMIT // unit
    number = reader.leb128()
    need(number < 2**62)
    name = reader.take(reader.leb128())
    base = reader.number()
    need(abs(base) <= limit)
    watermark = ABSENT
    if first & 4:
        watermark = base + reader.number()
        need(abs(watermark) <= limit)
        watermark *= unit
    rows: list[list[int]] = []
    flow, reference = 0, base
    while reader.at < len(payload):
        flow += reader.leb128()
        need(flow < 2**62)
        point = reader.take(1)[0]
        need(point > 0)
        count = reader.leb128() + 1
        reference += reader.number()
        need(abs(reference) <= limit)
        rows += [[flow, point, *rest] for rest in group(reader, count, signature_octets, unit, reference, bool(first & 2))]
        need(len(rows) <= 4096)
    try:
        return name.decode(), signature_octets, unit, bool(first & 2), number, watermark, bool(first & 1), rows
    except UnicodeDecodeError as error:
        raise UnsoundError("UTF-8") from error


def group(reader: Reader, count: int, signature_octets: int, unit: int, time: int, sizes: bool) -> list[list[int]]:
    """Signature, time, size, last time, four extra times of each row."""
    limit = LIMIT // unit
    how = reader.take(1)[0]
    need(how < 128)
    k = parameter_of(how)
    least_step = reader.number() if count > 1 else 0
    size_how, size_base, ranked = 64, 0, []
    if sizes:
        size_how = reader.take(1)[0]
        parameter_of(size_how)
        need(size_how & 64 == 0 or size_how == 64)
        if size_how & 128:
            listed = reader.leb128()
            need(0 < listed <= 64)
            ranked = [reader.leb128() for _ in range(listed)]
            need(max(ranked) < 2**31)
        else:
            size_base = reader.number()
            need(0 <= size_base < 2**31)
    columns = {}
    if how & 64:
        present = reader.take(1)[0]
        need(present < 32)
        for c in range(5):
            if present >> c & 1:
                octet = reader.take(1)[0]
                need(octet < 128)
                columns[c] = parameter_of(octet), bool(octet & 64), reader.number()
    if count * signature_octets > len(reader.data):
        raise UnsoundError("cut")
    signatures = [int.from_bytes(reader.take(signature_octets), "big") for _ in range(count)]
    bits = Bits(reader.data[reader.at:])
    times = [time]
    for _ in range(count - 1):
        step = (bits.rice(k) + least_step) % 2**64
        need(times[-1] + step <= limit)
        times.append(times[-1] + step)
    octets = []
    for _ in range(count):
        size = size_base
        if size_how & 128:
            rank = bits.rice(size_how % 64)
            need(rank < len(ranked))
            size = ranked[rank]
        elif size_how != 64:
            size = size_base + bits.rice(size_how)
            need(size < 2**31)
        octets.append(size - 1 if sizes and size else ABSENT)
    optional = [[ABSENT] * count for _ in range(5)]
    for c, (parameter, everywhere, base) in columns.items():
        marks = "1" * count if everywhere else bits.take(count)
        for i, mark in enumerate(marks):
            if mark == "1":
                value = (times[i] + base + bits.rice(parameter) + 2**63) % 2**64 - 2**63
                need(abs(value) <= limit)
                optional[c][i] = value * unit
    need("1" not in bits.take(-bits.at % 8))
    reader.take(bits.at // 8)
    return [[signatures[i], times[i] * unit, octets[i], *(column[i] for column in optional)] for i in range(count)]
