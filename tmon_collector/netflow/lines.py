"""Rows of several exporters, written to the spool; what cannot be written is given back."""

from __future__ import annotations

import numpy as np

from tmon_collector.csv_text import csv_field
from tmon_collector.gathering import CAPACITY, Gathering
from tmon_collector.spool import Spool
from tmon_common.observations import Kind


class Lines:
    """Rows of one kind. strings: what its string columns index."""

    def __init__(self, kind: Kind, spool: Spool, exporters: list[str], run_ms: int, strings: list[str]) -> None:
        self._kind, self._spool, self._strings = kind, spool, strings
        self._exporters, self._run_ms = exporters, run_ms
        self._gathering = Gathering(kind)

    def write(self, exporters: np.ndarray, words: np.ndarray) -> int:
        """Gives how many of the rows are written, from the first on. exporters: number of each row's (n,); words: int64 (n, .)."""
        done = 0
        while done < len(words):
            end = min(done + CAPACITY, len(words))
            if not self._write(exporters[done:end], words[done:end]):
                break
            done = end
        return done

    def _write(self, exporters: np.ndarray, words: np.ndarray) -> bool:
        begins = np.flatnonzero(np.concatenate(([True], exporters[1:] != exporters[:-1]))).tolist()
        try:
            for begin, end in zip(begins, [*begins[1:], len(words)], strict=True):
                source = csv_field(self._exporters[exporters[begin]]) + f",{self._run_ms},".encode()
                self._gathering.add_rows(words[begin:end], self._strings, source)
            return self._spool.append(self._kind, self._gathering.lines())
        finally:
            self._gathering.clear()
