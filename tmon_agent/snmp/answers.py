"""What a request is answered (RFC 3416 section 4.2), from a tree of instances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tmon_agent.snmp.objects import Oid, Smi
from tmon_agent.snmp.tree import Instance, Tree

MAX_REPETITIONS = 256
"""Of a GetBulk, whatever it asks for."""
_HEADS_OCTETS = 12  # of a binding, its identifier and its value: tag and length, at their longest here


def get(tree: Tree, oids: Iterable[Oid]) -> list[Instance]:
    return [tree.get(oid) or (oid, Smi.NO_SUCH_INSTANCE if tree.has_object(oid) else Smi.NO_SUCH_OBJECT, 0) for oid in oids]


def get_next(tree: Tree, oids: Iterable[Oid]) -> list[Instance]:
    return [tree.after(oid) or (oid, Smi.END_OF_MIB_VIEW, 0) for oid in oids]


def get_bulk(tree: Tree, oids: Sequence[Oid], non_repeaters: int, repetitions: int, room_octets: int) -> list[Instance]:
    """The first `non_repeaters` identifiers once, the others up to `repetitions` times, as far as there is room; it ends when all
    have come to the end of the tree."""
    split = min(max(0, non_repeaters), len(oids))
    found: list[Instance] = []
    asked: Sequence[Oid] = oids[:split]
    for turn in range(-1, min(max(0, repetitions), MAX_REPETITIONS)):
        for instance in get_next(tree, asked):
            room_octets -= octets_of(instance)
            if room_octets < 0:
                return found
            found.append(instance)
        asked = oids[split:] if turn < 0 else [i[0] for i in found[len(found) - len(asked):]]
        if not asked or (turn >= 0 and all(i[1] is Smi.END_OF_MIB_VIEW for i in found[len(found) - len(asked):])):
            break
    return found


def octets_of(instance: Instance) -> int:
    """At most so many has a binding in BER."""
    oid, _, value = instance
    length = sum(map(_octets_of_number, oid)) + _HEADS_OCTETS
    if isinstance(value, bytes):
        return length + len(value)
    return length + (sum(map(_octets_of_number, value)) if isinstance(value, tuple) else 9)


def _octets_of_number(number: int) -> int:
    return max(1, -(-number.bit_length() // 7))
