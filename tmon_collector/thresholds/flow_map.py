"""Which class a flow belongs to, and what identifies it: for as many flows as there is room.

Flow numbers of a run count up, so they lie in pages of 4096; when the room is full the page that was asked for least recently goes.
A long-lived flow keeps its page.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from tmon_common.config.fields import FLOW_FIELDS
from tmon_common.config.model import FlowClass, GranularFlow
from tmon_common.observations import ABSENT, FLOW_DEFINITION

PAGE = 4096
KEPT_RUNS = 8
"""Runs of a probe whose flows are remembered: those heard last."""
UNKNOWN, OTHER = -1, -2
"""Instead of a number: a flow that was not defined yet; one that nobody watches."""
_PORTS = ("src_port", "dst_port")
KEY_WORDS = {f: FLOW_DEFINITION.dtype.fields[f][0].itemsize // 8 for f in FLOW_FIELDS}
_AT = {f: FLOW_DEFINITION.word_of(f) for f in FLOW_FIELDS}
_FLOW, _CLASS, _BIDIRECTIONAL = (FLOW_DEFINITION.word_of(n) for n in ("flow", "flow_class", "bidirectional"))


class FlowMap:
    """watched: (class, granular flow of it) pairs that thresholds name; their position is what `find` gives.

    fields      those whose values thresholds need, in the order of FLOW_FIELDS; interfaces: names of all that there are
    """

    def __init__(self, watched: Sequence[tuple[FlowClass, GranularFlow]], fields: Sequence[str], interfaces: Sequence[str],
                 max_flows: int) -> None:
        self.forgotten = 0
        self.interfaces = tuple(dict.fromkeys(interfaces))
        self.fields = tuple(f for f in FLOW_FIELDS if f in fields)
        self._watched = tuple(watched)
        self._words = [w for f in self.fields for w in range(_AT[f], _AT[f] + KEY_WORDS[f])]
        pages = max(max_flows // PAGE, 1)
        self._what = np.full((0, PAGE), UNKNOWN, np.int16)
        self._keys = np.zeros((0, PAGE, len(self._words)), np.int64)
        self._max_pages = pages
        self._free: list[int] = []
        self._pages: OrderedDict[tuple[int, int], int] = OrderedDict()  # (source, page of flow numbers) -> place; oldest use first

    def columns(self, fields: Sequence[str]) -> list[int]:
        """Positions of the words of these fields in the keys that `find` gives."""
        at, found = 0, []
        for field in self.fields:
            if field in fields:
                found += range(at, at + KEY_WORDS[field])
            at += KEY_WORDS[field]
        return found

    def define(self, source: int, words: np.ndarray, strings: Sequence[str]) -> np.ndarray:
        """Takes flow definitions (int64 (n, words)) of a run; returns which of them are watched (bool)."""
        what = self._classify(words, strings)
        keys = words[:, self._words]
        if "interface" in self.fields:
            at = self.columns(("interface",))[0]
            names = {i: self.interfaces.index(s) for i, s in enumerate(strings) if s in self.interfaces}
            keys[:, at] = _translated(keys[:, at], names, OTHER)
        flows = words[:, _FLOW]
        for page in _different(flows // PAGE):
            chosen = flows // PAGE == page
            place = self._place(source, page)
            self._what[place, flows[chosen] % PAGE] = what[chosen]
            self._keys[place, flows[chosen] % PAGE] = keys[chosen]
        return what >= 0

    def find(self, source: int, flows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each flow is (int16: position in `watched`, UNKNOWN or OTHER), and its values (int64 (n, words of `fields`))."""
        what = np.full(len(flows), UNKNOWN, np.int16)
        keys = np.zeros((len(flows), len(self._words)), np.int64)
        pages = flows // PAGE
        for page in _different(pages):
            place = self._pages.get((source, page))
            if place is None:
                continue
            self._pages.move_to_end((source, page))
            chosen = np.flatnonzero(pages == page)
            what[chosen] = self._what[place, flows[chosen] % PAGE]
            if self._words:
                keys[chosen] = self._keys[place, flows[chosen] % PAGE]
        return what, keys

    def known(self, source: int, flows: np.ndarray) -> np.ndarray:
        """Which of these are still remembered and watched (bool)."""
        return self.find(source, flows)[0] >= 0

    def forget(self, source: int) -> None:
        """All flows of a run."""
        for key in [k for k in self._pages if k[0] == source]:
            self._release(key)

    def _place(self, source: int, page: int) -> int:
        place = self._pages.get((source, page))
        if place is not None:
            self._pages.move_to_end((source, page))
            return place
        if len(self._pages) >= self._max_pages:
            oldest = next(iter(self._pages))
            self.forgotten += int((self._what[self._pages[oldest]] >= 0).sum())
            self._release(oldest)
        if not self._free:
            more = min(max(len(self._what), 1), self._max_pages - len(self._what))
            self._free = list(range(len(self._what), len(self._what) + more))
            self._what = np.concatenate([self._what, np.full((more, PAGE), UNKNOWN, np.int16)])
            self._keys = np.concatenate([self._keys, np.zeros((more, PAGE, len(self._words)), np.int64)])
        place = self._pages[source, page] = self._free.pop()
        return place

    def _release(self, key: tuple[int, int]) -> None:
        place = self._pages.pop(key)
        self._what[place] = UNKNOWN
        self._free.append(place)

    def _classify(self, words: np.ndarray, strings: Sequence[str]) -> np.ndarray:
        """A class may have several granular flows: a flow is of the first whose fields it has."""
        what = np.full(len(words), OTHER, np.int16)
        for index, (flow_class, granular) in enumerate(self._watched):
            fits = np.isin(words[:, _CLASS], [i for i, s in enumerate(strings) if s == flow_class.name])
            if len(flow_class.flows) > 1 and fits.any():
                earlier = flow_class.flows[: flow_class.flows.index(granular)]
                fits &= _has_fields(words, granular) & ~np.logical_or.reduce([np.zeros(len(words), bool), *(
                    _has_fields(words, g) for g in earlier)])
            what[fits] = index
        return what


def _has_fields(words: np.ndarray, granular: GranularFlow) -> np.ndarray:
    """Whether definitions look like those of that granular flow. Ports may be empty where the protocol has none."""
    fits = words[:, _BIDIRECTIONAL] == granular.bidirectional
    for field in FLOW_FIELDS:
        filled = words[:, _AT[field]] != ABSENT
        if field not in granular.fields:
            fits &= ~filled
        elif field not in _PORTS:
            fits &= filled
    return fits


def _different(pages: np.ndarray) -> list[int]:
    """The values that occur. Most often they are few, and near each other."""
    if not len(pages):
        return []
    low, high = int(pages.min()), int(pages.max())
    if high - low < PAGE:
        return (np.flatnonzero(np.bincount(pages - low)) + low).tolist()
    return np.unique(pages).tolist()


def _translated(column: np.ndarray, names: dict[int, int], otherwise: int) -> np.ndarray:
    """Indices of strings as what they stand for; empty stays empty."""
    found = column.copy()
    for index in np.unique(column).tolist():
        if index != ABSENT:
            found[column == index] = names.get(index, otherwise)
    return found
