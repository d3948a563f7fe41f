"""Values of data records by their template, for many records at once."""

from __future__ import annotations

import numpy as np

from tmon_collector.netflow.layout_kernel import walk
from tmon_collector.netflow.templates import Template


class Layout:
    """Records of one template that lie in `data` (octets, one set behind the other).

    starts  int64 (n,): where each begins, for templates of one length
    offsets int64 (n, fields): where each value begins, for templates with variable lengths
    """

    def __init__(self, template: Template, data: np.ndarray, starts: np.ndarray) -> None:
        self._template, self._data = template, data
        self.rows = len(starts)
        if template.is_variable:
            self._offsets, _ = walk(data, starts, template.lengths, len(data))
        else:
            ends = np.cumsum(template.lengths)
            self._offsets = starts[:, None] + (ends - template.lengths)[None, :]

    def __contains__(self, name: str) -> bool:
        return name in self._template.used

    def numbers(self, name: str) -> np.ndarray:
        """uint64 (n,): unsigned, network order, of one to eight octets."""
        position, octets = self._template.used[name]
        out = np.zeros((self.rows, 8), np.uint8)
        out[:, 8 - octets :] = self._octets(position, octets)
        return out.view(">u8")[:, 0].astype(np.uint64)

    def addresses(self, name: str) -> np.ndarray:
        """int64 (n, 2): 16 octets each."""
        position, octets = self._template.used[name]
        return np.ascontiguousarray(self._octets(position, octets)).view(">i8").astype(np.int64)

    def _octets(self, position: int, octets: int) -> np.ndarray:
        return self._data[self._offsets[:, position][:, None] + np.arange(octets)]


def record_starts(template: Template, content: memoryview) -> np.ndarray:
    """int64 (n,): where the records of a data set begin, padding behind them left out (RFC 7011 section 3.3.1)."""
    if template.is_variable:
        return walk(np.frombuffer(content, np.uint8), np.zeros(1, np.int64), template.lengths, -1)[1]
    return np.arange(len(content) // template.octets, dtype=np.int64) * template.octets
