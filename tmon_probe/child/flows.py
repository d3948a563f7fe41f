"""The flow registry: granular flows of all classes, their numbers, ageing and definitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tmon_common.config.fields import FLOW_FIELDS
from tmon_common.config.model import FlowClass, GranularFlow
from tmon_common.kernels.keyed_hash import random_words
from tmon_common.kernels.prefetch import BLOCK, zeros_on_lines
from tmon_common.observations import FLOW_DEFINITION, Rows
from tmon_probe.child.flow_kernels import (
    ENTRY,
    FREE,
    HASH_WORDS,
    KEY_WORDS,
    PORTS_HELD,
    assign_flows,
    describe_flows,
    find_obsolete,
    move_flows,
    remove_flows,
)

FIRST_SLOTS = 1 << 12
EVICTED_SHARE = 8
"""When the table is full of living flows, the longest idle 1/8 of them make room."""
_ALL = (1 << 64) - 1
_FIELD_MASKS = {  # field of a granular flow -> (word of the key, bits)
    "src_addr": ((0, _ALL), (1, _ALL)),
    "dst_addr": ((2, _ALL), (3, _ALL)),
    "src_port": ((4, 0xFFFF << 48), (5, PORTS_HELD)),
    "dst_port": ((4, 0xFFFF << 32), (5, PORTS_HELD)),
    "interface": ((4, 0xFFFF << 16),),
    "vlan": ((4, 0xFFFF),),
    "protocol": ((5, 0xFF << 8),),
    "dscp": ((5, 0x3F),),
}


@dataclass(frozen=True)
class Spec:
    """A granular flow definition of a class: `bit` is the class's in the sieve's mask.

    fragments_alone     later fragments are of a flow without ports, whatever the first one of their datagram was of
    """

    flow_class: str
    bit: int
    granular: GranularFlow
    fragments_alone: bool = False


def specs_of(classes: tuple[FlowClass, ...]) -> list[Spec]:
    """Every granular flow definition of the classes; position in the list is its number everywhere in the child."""
    return [Spec(c.name, bit, granular, fragments_alone=c.one_way is not None and c.one_way.per == "packet")
            for bit, c in enumerate(classes) for granular in c.flows]


class FlowRegistry:
    """Entries 0 to capacity-1 are reused; `numbers` (int64, per entry) are what the world sees, never twice in a run.

    entries             flow_kernels.ENTRY (capacity,): the flows
    interface_names     by position in the probe's configuration
    """

    def __init__(self, classes: tuple[FlowClass, ...], interface_names: tuple[str, ...], max_flows: int) -> None:
        self.specs = specs_of(classes)
        self._classes = sorted({s.flow_class for s in self.specs})
        self._interface_names = interface_names
        self.max_flows = max(max_flows, 16 * len(self.specs))
        self._spec_class = np.array([1 << s.bit for s in self.specs], np.uint64)
        self._spec_masks = np.array([_masks(s.granular) for s in self.specs], np.uint64).reshape(-1, KEY_WORDS)
        self._spec_later = np.array([_later_masks(s) for s in self.specs], np.uint64).reshape(-1, 2)
        self._spec_bidirectional = np.array([s.granular.bidirectional for s in self.specs], np.uint8)
        self._obsolescence_ns = np.array([s.granular.obsolescence_ns for s in self.specs], np.int64)
        self._spec_name = np.array([self._classes.index(s.flow_class) for s in self.specs], np.int64)
        self._spec_held = np.array([_held(s.granular) for s in self.specs], np.uint8).reshape(-1, FLOW_DEFINITION.words)
        self._random = random_words(HASH_WORDS)
        self._slots = np.zeros(FIRST_SLOTS, np.uint64)
        self.capacity = 0
        self.entries = zeros_on_lines(0, ENTRY)
        self._asked, self._places = zeros_on_lines(BLOCK, ENTRY), np.zeros(BLOCK, np.int64)
        self._first_ns = np.zeros(0, np.int64)
        self.numbers = np.zeros(0, np.int64)
        self._free = np.zeros(0, np.int32)
        self._counters = np.zeros(1, np.int64)  # height of the free stack
        self.created = self.expired = self.evicted = 0
        self._grow(min(FIRST_SLOTS // 2, self.max_flows))

    def __len__(self) -> int:
        return self.capacity - int(self._counters[0])

    def assign(self, records: np.ndarray, start: int, flow: np.ndarray, direction: np.ndarray) -> tuple[int, np.ndarray]:
        """Fill flow (int32, -1: not in the class) and direction (uint8) [specs, records] from record `start` on.

        Returns (first record not done, entries of the flows that are new). When it stops early, call `make_room`.
        """
        height = int(self._counters[0])
        stop = assign_flows(
            records, len(records), start, self._spec_class, self._spec_masks, self._spec_later, self._spec_bidirectional,
            self._random, self._slots, self.entries, self._first_ns, self._free, self._counters, self._asked, self._places, flow,
            direction)
        new = self._free[int(self._counters[0]) : height][::-1].copy()
        if len(new):
            self.numbers[new] = np.arange(self.created + 1, self.created + 1 + len(new))
            self.created += len(new)
        return stop, new

    def make_room(self) -> np.ndarray:
        """Grow, or, at max_flows, give up the flows that were idle longest. Returns the entries given up."""
        if self.capacity < self.max_flows:
            self._grow(min(self.capacity * 2, self.max_flows))
            return np.zeros(0, np.int32)
        last_ns = self.entries["last_ns"]
        entries = np.flatnonzero(last_ns != FREE)
        count = max(len(entries) // EVICTED_SHARE, len(self.specs))
        oldest = entries[np.argpartition(last_ns[entries], count - 1)[:count]].astype(np.int32)
        self.evicted += len(oldest)
        self._forget(oldest)
        return oldest

    def obsolete(self, now_ns: int) -> np.ndarray:
        """Entries (int32) of the flows that were silent for longer than their class allows, at packet time now_ns."""
        count = find_obsolete(self.entries, self._obsolescence_ns, now_ns, self._found)
        return self._found[:count].copy()

    def forget(self, entries: np.ndarray) -> None:
        """Free the entries; what analysers hold of them has been published."""
        self.expired += len(entries)
        self._forget(entries)

    def definitions(self, entries: np.ndarray) -> Rows:
        """flow_definition rows of the entries. Source and destination are those of the first packet seen."""
        words, classes = np.empty((len(entries), FLOW_DEFINITION.words), np.int64), len(self._classes)
        highest = describe_flows(entries, self.entries, self._first_ns, self.numbers, self._spec_name,
                                 self._spec_bidirectional, self._spec_held, classes, words)
        rows = Rows.from_words(FLOW_DEFINITION, words, [*self._classes, *self._interface_names])
        if highest >= len(self._interface_names):  # interfaces within a pcapng file
            numbers = rows.values["interface"]
            seen, inverse = np.unique(numbers, return_inverse=True)
            rows.strings = [*self._classes, *(self._interface_name(int(i) - classes) for i in seen)]
            numbers[:] = np.where(numbers >= 0, inverse + classes, numbers)
        return rows

    def _interface_name(self, number: int) -> str:
        """Name of an interface; those of one pcapng file beyond its first have `#` and their number."""
        name = self._interface_names[number & 0xFF] if (number & 0xFF) < len(self._interface_names) else str(number & 0xFF)
        return f"{name}#{number >> 8}" if number >> 8 else name

    def _forget(self, entries: np.ndarray) -> None:
        height = int(self._counters[0])
        self._free[height : height + len(entries)] = entries
        self._counters[0] = height + len(entries)
        remove_flows(entries, self._slots, self.entries)

    def _grow(self, capacity: int) -> None:
        added = capacity - self.capacity
        for name in ("entries", "_first_ns", "numbers"):
            old, new = getattr(self, name), zeros_on_lines(capacity, getattr(self, name).dtype)
            new[: self.capacity] = old
            setattr(self, name, new)
        self.entries["last_ns"][self.capacity :] = FREE
        self._found = np.zeros(capacity, np.int32)
        height = int(self._counters[0])
        fresh = np.arange(capacity - 1, self.capacity - 1, -1, dtype=np.int32)  # lowest on top
        self._free = np.concatenate([self._free[:height], fresh, np.zeros(capacity - height - added, np.int32)])
        self._counters[0] = height + added
        self.capacity = capacity
        if 2 * capacity > len(self._slots):
            old, self._slots = self._slots, np.zeros(1 << (2 * capacity - 1).bit_length(), np.uint64)
            move_flows(old, self._slots)


def _masks(granular: GranularFlow) -> list[int]:
    masks = [0] * KEY_WORDS
    for field in granular.fields:
        for word, bits in _FIELD_MASKS[field]:
            masks[word] |= bits
    return masks


def _later_masks(spec: Spec) -> list[int]:
    """The last two words, for later fragments."""
    ports, others = _masks(spec.granular)[-2:]
    if spec.fragments_alone:
        ports, others = ports & 0xFFFFFFFF, others & ~PORTS_HELD
    return [ports, others]


def _held(granular: GranularFlow) -> list[int]:
    """1 for each word of a flow_definition row that such a flow fills."""
    absent = set(FLOW_FIELDS) - granular.fields
    return [int(c.name not in absent) for c in FLOW_DEFINITION.expanded for _ in range(c.type.words)]
