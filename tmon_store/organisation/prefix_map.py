"""Which of many prefixes, nested at will, is the longest that holds an address; for whole arrays of addresses at once.

The prefixes are laid flat once: the numbers from 0 to 2^128 - 1 are cut wherever a prefix begins or ends, and each piece knows its
longest prefix. A look-up is then one binary search, however many prefixes there are and however deep they nest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tmon_common.config.addresses import parse_address

NONE = -1
ADDRESS_DTYPE = np.dtype("S16")
"""The 16 octets of an address, IPv4 ones mapped: they sort as the numbers do."""
_END = 1 << 128


class PrefixMap:
    """ranges: (lowest address, highest, value from 0 on) of prefixes, as numbers of 128 bits. Two of them lie apart or one in the
    other, as prefixes do; of two that are equal, the last counts."""

    def __init__(self, ranges: Iterable[tuple[int, int, int]]) -> None:
        starts, values = _flat(ranges)
        self._starts = pack_numbers(starts)
        self._values = np.array(values, dtype=np.int32)

    def find(self, addresses: np.ndarray) -> np.ndarray:
        """Value (int32) of the longest prefix that holds each address (ADDRESS_DTYPE, any shape); NONE where none does."""
        return self._values[np.searchsorted(self._starts, addresses, side="right") - 1]

    @property
    def starts(self) -> np.ndarray:
        """First addresses (ADDRESS_DTYPE) of the pieces, ascending; each reaches to where the next one begins."""
        return self._starts


def pack_numbers(numbers: Sequence[int]) -> np.ndarray:
    """Addresses as numbers of 128 bits -> ADDRESS_DTYPE."""
    return np.frombuffer(b"".join(n.to_bytes(16) for n in numbers), dtype=ADDRESS_DTYPE)


def number_of(octets: bytes) -> int:
    """One element of such an array as a number; numpy gives them without the zeros at their end."""
    return int.from_bytes(octets.ljust(16, b"\0"))


def pack_texts(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Addresses as text -> ADDRESS_DTYPE, and whether each is an address at all; what is none is packed as ::."""
    numbers, valid = [], np.ones(len(texts), dtype=bool)
    for i, text in enumerate(texts):
        try:
            numbers.append(parse_address(text))
        except ValueError:
            numbers.append(0)
            valid[i] = False
    return pack_numbers(numbers), valid


def _flat(ranges: Iterable[tuple[int, int, int]]) -> tuple[list[int], list[int]]:
    starts, values = [0], [NONE]

    def cut(start: int, value: int) -> None:
        if starts[-1] == start:
            values[-1] = value
        else:
            starts.append(start)
            values.append(value)

    open_ranges: list[tuple[int, int]] = []

    def close_before(low: int) -> None:
        while open_ranges and open_ranges[-1][0] < low:
            high, _ = open_ranges.pop()
            if high + 1 < _END:
                cut(high + 1, open_ranges[-1][1] if open_ranges else NONE)

    for low, high, value in sorted(ranges, key=lambda r: (r[0], -r[1])):
        close_before(low)
        cut(low, value)
        open_ranges.append((high, value))
    close_before(_END)
    return starts, values
