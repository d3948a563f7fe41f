"""Whose rows are whose: rows of one publication are of one run of one probe."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from tmon_common.observations import Kind, Rows

COLLECTOR = ""
"""Probe of rows that are the collector's own: they are about no flow."""


class Sources(Protocol):
    """What is known of definitions (flows.Definitions)."""

    def source(self, index: int, /) -> tuple[str, int, int]:
        """Whose number a definition is: probe, run_ms, number of the flow."""


class Published(NamedTuple):
    """Rows of one kind, of a run of a probe; probe COLLECTOR, run_ms 0: of the collector itself."""

    probe: str
    run_ms: int
    rows: Rows


class Named(NamedTuple):
    """Definitions, resolved.

    owners      (probe, run_ms) of each owner, in order
    owner, flow     int64 (n,): position in owners, and the number of the flow in that run
    """

    owners: list[tuple[str, int]]
    owner: np.ndarray
    flow: np.ndarray


def resolve(definitions: np.ndarray, sources: Sources) -> Named:
    """definitions: int (n,), indexes, not negative. Each is asked for once."""
    present = np.zeros(int(definitions.max()) + 1 if len(definitions) else 0, bool)
    present[definitions] = True
    used = np.flatnonzero(present)
    found = [tuple(sources.source(i)) for i in used.tolist()]
    owners = sorted({(probe, run_ms) for probe, run_ms, _ in found})
    number = {owner: i for i, owner in enumerate(owners)}
    at = np.zeros((2, len(present)), np.int64)
    at[0, used] = [number[probe, run_ms] for probe, run_ms, _ in found]
    at[1, used] = [flow for _, _, flow in found]
    return Named(owners, at[0, definitions], at[1, definitions])


def published(kind: Kind, words: np.ndarray, owners: list[tuple[str, int]], owner: np.ndarray,
              strings: list[str]) -> list[Published]:
    """Rows (int64 (n, kind.words)) by owner, in the order in which they are. owner: int64 (n,)."""
    if not len(words):
        return []
    counts = np.bincount(owner, minlength=len(owners))
    if np.count_nonzero(counts) == 1:
        probe, run_ms = owners[int(owner[0])]
        return [Published(probe, run_ms, Rows.from_words(kind, words, strings))]
    ordered = words[np.argsort(owner, kind="stable")]
    ends = np.cumsum(counts)
    return [Published(probe, run_ms, Rows.from_words(kind, ordered[end - count : end], strings))
            for (probe, run_ms), count, end in zip(owners, counts.tolist(), ends.tolist(), strict=True) if count]
