"""The flow registry: granular flows of all classes, their numbers, ageing and definitions."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np

from tmon_common.config.model import FlowClass, GranularFlow
from tmon_common.observations import ABSENT, FLOW_DEFINITION, Rows
from tmon_probe.child.flow_kernels import KEY_WORDS, PORTS_HELD, assign_flows, rebuild_slots

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
    """A granular flow definition of a class: `bit` is the class's in the sieve's mask."""

    flow_class: str
    bit: int
    granular: GranularFlow


def specs_of(classes: tuple[FlowClass, ...]) -> list[Spec]:
    """Every granular flow definition of the classes; position in the list is its number everywhere in the child."""
    return [Spec(c.name, bit, granular) for bit, c in enumerate(classes) for granular in c.flows]


class FlowRegistry:
    """Entries 0 to capacity-1 are reused; `numbers` (int64, per entry) are what the world sees, never twice in a run.

    interface_names     by position in the probe's configuration
    """

    def __init__(self, classes: tuple[FlowClass, ...], interface_names: tuple[str, ...], max_flows: int) -> None:
        self.specs = specs_of(classes)
        self._classes = sorted({s.flow_class for s in self.specs})
        self._interface_names = interface_names
        self.max_flows = max(max_flows, 16 * len(self.specs))
        self._spec_class = np.array([1 << s.bit for s in self.specs], np.uint64)
        self._spec_masks = np.array([_masks(s.granular) for s in self.specs], np.uint64).reshape(-1, KEY_WORDS)
        self._spec_bidirectional = np.array([s.granular.bidirectional for s in self.specs], np.uint8)
        self._obsolescence_ns = np.array([s.granular.obsolescence_ns for s in self.specs], np.int64)
        self._seed = np.uint64(secrets.randbits(64))
        self._slots = np.zeros(FIRST_SLOTS, np.int32)
        self.capacity = 0
        self._keys = np.zeros((0, KEY_WORDS), np.uint64)
        self._hashes = np.zeros(0, np.uint64)
        self._swapped = np.zeros(0, np.uint8)
        self._first_ns = np.zeros(0, np.int64)
        self.last_ns = np.zeros(0, np.int64)
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
            records, len(records), start, self._spec_class, self._spec_masks, self._spec_bidirectional, self._seed, self._slots,
            self._keys, self._hashes, self._swapped, self._first_ns, self.last_ns, self._free, self._counters, flow, direction)
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
        live = self._live()
        entries = np.flatnonzero(live)
        count = max(len(entries) // EVICTED_SHARE, len(self.specs))
        oldest = entries[np.argpartition(self.last_ns[entries], count - 1)[:count]].astype(np.int32)
        self.evicted += len(oldest)
        self._forget(oldest, live)
        return oldest

    def obsolete(self, now_ns: int) -> np.ndarray:
        """Entries (int32) of the flows that were silent for longer than their class allows, at packet time now_ns."""
        live = self._live()
        entries = np.flatnonzero(live)
        if not len(entries):
            return entries.astype(np.int32)
        idle = now_ns - self.last_ns[entries]
        return entries[idle > self._obsolescence_ns[self._spec_of(entries)]].astype(np.int32)

    def forget(self, entries: np.ndarray) -> None:
        """Free the entries; what analysers hold of them has been published."""
        if len(entries):
            self.expired += len(entries)
            self._forget(entries, self._live())

    def definitions(self, entries: np.ndarray) -> Rows:
        """flow_definition rows of the entries. Source and destination are those of the first packet seen."""
        n = len(entries)
        values = np.zeros(n, FLOW_DEFINITION.dtype)
        keys, spec = self._keys[entries], self._spec_of(entries)
        turned = self._swapped[entries].astype(bool)
        sides = (keys[:, 0:2].view(np.int64), keys[:, 2:4].view(np.int64))
        ports = [((keys[:, 4] >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64) for shift in (48, 32)]
        values["flow"] = self.numbers[entries]
        values["src_addr"] = np.where(turned[:, None], sides[1], sides[0])
        values["dst_addr"] = np.where(turned[:, None], sides[0], sides[1])
        has_ports = (keys[:, 5] & np.uint64(PORTS_HELD)) != 0
        values["src_port"] = np.where(has_ports, np.where(turned, ports[1], ports[0]), ABSENT)
        values["dst_port"] = np.where(has_ports, np.where(turned, ports[0], ports[1]), ABSENT)
        values["protocol"] = ((keys[:, 5] >> np.uint64(8)) & np.uint64(0xFF)).astype(np.int64)
        values["dscp"] = (keys[:, 5] & np.uint64(0x3F)).astype(np.int64)
        values["vlan"] = (keys[:, 4] & np.uint64(0xFFFF)).astype(np.int64)
        values["bidirectional"] = self._spec_bidirectional[spec]
        values["first_seen"] = self._first_ns[entries]
        interfaces = (keys[:, 4] >> np.uint64(16)) & np.uint64(0xFFFF)
        strings = list(self._classes)
        class_index = np.array([strings.index(s.flow_class) for s in self.specs])
        values["flow_class"] = class_index[spec]
        seen, inverse = np.unique(interfaces, return_inverse=True)
        values["interface"] = inverse + len(strings)
        strings += [self._interface_name(int(i)) for i in seen]
        for name in ("interface", "src_addr", "dst_addr", "protocol", "src_port", "dst_port", "vlan", "dscp"):
            lacking = np.array([name not in s.granular.fields for s in self.specs])[spec]
            values[name][lacking] = ABSENT
        return Rows(FLOW_DEFINITION, values, strings)

    def _interface_name(self, number: int) -> str:
        """Name of an interface; those of one pcapng file beyond its first have `#` and their number."""
        name = self._interface_names[number & 0xFF] if (number & 0xFF) < len(self._interface_names) else str(number & 0xFF)
        return f"{name}#{number >> 8}" if number >> 8 else name

    def _spec_of(self, entries: np.ndarray) -> np.ndarray:
        return (self._keys[entries, 5] >> np.uint64(48)).astype(np.int64)

    def _live(self) -> np.ndarray:
        """uint8 (capacity,): 1 where the entry is a flow."""
        live = np.ones(self.capacity, np.uint8)
        live[self._free[: int(self._counters[0])]] = 0
        return live

    def _forget(self, entries: np.ndarray, live: np.ndarray) -> None:
        height = int(self._counters[0])
        self._free[height : height + len(entries)] = entries
        self._counters[0] = height + len(entries)
        live[entries] = 0
        rebuild_slots(self._slots, self._hashes, live)

    def _grow(self, capacity: int) -> None:
        live = self._live()
        added = capacity - self.capacity
        for name in ("_keys", "_hashes", "_swapped", "_first_ns", "last_ns", "numbers"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros((added, *old.shape[1:]), old.dtype)]))
        height = int(self._counters[0])
        fresh = np.arange(capacity - 1, self.capacity - 1, -1, dtype=np.int32)  # lowest on top
        self._free = np.concatenate([self._free[:height], fresh, np.zeros(capacity - height - added, np.int32)])
        self._counters[0] = height + added
        self.capacity = capacity
        if 2 * capacity > len(self._slots):
            self._slots = np.zeros(1 << (2 * capacity - 1).bit_length(), np.int32)
            rebuild_slots(self._slots, self._hashes, np.concatenate([live, np.zeros(added, np.uint8)]))


def _masks(granular: GranularFlow) -> list[int]:
    masks = [0] * KEY_WORDS
    for field in granular.fields:
        for word, bits in _FIELD_MASKS[field]:
            masks[word] |= bits
    return masks
