"""How fast a series grows, by the median of the slopes between its points (Theil-Sen): single steps and spikes do not matter."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

MAX_POINTS = 120
"""More are put together, neighbours to their median."""


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of (time, value), in time order: value per time. 0 of fewer than three."""
    taken = _thinned(points)
    if len(taken) < 3:
        return 0.0
    return median((later[1] - earlier[1]) / (later[0] - earlier[0])
                  for n, earlier in enumerate(taken) for later in taken[n + 1:])


def second_half(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """By time."""
    middle = (points[0][0] + points[-1][0]) / 2 if points else 0
    return [point for point in points if point[0] >= middle]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    width = -(-len(points) // MAX_POINTS)
    groups = [points[n:n + width] for n in range(0, len(points), width or 1)]
    return [(median(at for at, _ in group), median(value for _, value in group)) for group in groups]
