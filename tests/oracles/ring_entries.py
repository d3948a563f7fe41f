"""Records with octets in a ring, written by slow code that follows the rules of the ring."""

import numpy as np

from tmon_probe.ring import Ring


def octets_of(number: int, length: int) -> np.ndarray:
    """What record `number` carries: anything that its neighbours do not."""
    return (np.arange(number, number + length) * 73 + number % 251).astype(np.uint8)


def write_entry(ring: Ring, slot: int, number: int, length: int, position: int, area_free: int) -> int | None:
    """Number, and octets, of the record in that slot. An entry that would go past the end of the area begins at its start.

    Returns the next position, None if the octets do not fit; then nothing is written.
    """
    start, end = position, position + length
    if length and position % ring.octets + length > ring.octets:
        start = -(-position // ring.octets) * ring.octets
        end = start + length
    if end - position > area_free:
        return None
    record = ring.records[slot]
    record["signature"] = number
    record["bytes_offset"], record["bytes_length"] = start % 2**32, length
    ring.area[start % ring.octets : start % ring.octets + length] = octets_of(number, length)
    return end


def is_whole(ring: Ring, record: np.void) -> bool:
    """Are the octets those that were written with it?"""
    return octets_of(int(record["signature"]), int(record["bytes_length"])).tobytes() == ring.octets_of(record)
