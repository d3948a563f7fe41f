"""Kernels: a heap of triples, the least first."""

from numba import njit


@njit(cache=True, nogil=True, inline="always")
def _less(heap, i, j):
    if heap[i, 0] != heap[j, 0]:
        return heap[i, 0] < heap[j, 0]
    if heap[i, 1] != heap[j, 1]:
        return heap[i, 1] < heap[j, 1]
    return heap[i, 2] < heap[j, 2]


@njit(cache=True, nogil=True)
def push(heap, many, a, b, c):
    """Add (a, b, c) to the `many` that heap int64 (room, 3) holds. Returns how many it holds then."""
    i = many
    heap[i, 0], heap[i, 1], heap[i, 2] = a, b, c
    while i > 0:
        parent = (i - 1) // 2
        if not _less(heap, i, parent):
            break
        _swap(heap, i, parent)
        i = parent
    return many + 1


@njit(cache=True, nogil=True)
def pop(heap, many):
    """Remove the least, at 0. Returns how many are left."""
    many -= 1
    heap[0, 0], heap[0, 1], heap[0, 2] = heap[many, 0], heap[many, 1], heap[many, 2]
    i = 0
    while True:
        least, left, right = i, 2 * i + 1, 2 * i + 2
        if left < many and _less(heap, left, least):
            least = left
        if right < many and _less(heap, right, least):
            least = right
        if least == i:
            return many
        _swap(heap, i, least)
        i = least


@njit(cache=True, nogil=True, inline="always")
def _swap(heap, i, j):
    for k in range(3):
        heap[i, k], heap[j, k] = heap[j, k], heap[i, k]
