"""Kernel: batches of real frames with something wrong in them, thousands at a time and the same for the same seed."""

from dataclasses import dataclass

import numpy as np
from numba import int64, njit, uint64

from tests.pipeline_in_process import Frame
from tmon_probe.father.capture.batch import BATCH_PACKETS, Batch

MAX_FRAME = 2048
"""Octets of a frame that are kept: headers matter, and the rest would only cost time."""
HEADERS = 120
"""Most changes are made in so many first octets."""
_MULTIPLIER, _INCREMENT = uint64(6364136223846793005), uint64(1442695040888963407)


@dataclass
class Corpus:
    """Frames one after the other. octets: uint8; starts, lengths, link_types: int64 (frames,)."""

    octets: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    link_types: np.ndarray


def corpus_of(frames: list[Frame]) -> Corpus:
    """Different frames only."""
    kept = list(dict.fromkeys((f.octets[:MAX_FRAME], f.link_type) for f in frames))
    lengths = np.array([len(octets) for octets, _ in kept], np.int64)
    return Corpus(np.frombuffer(b"".join(octets for octets, _ in kept), np.uint8), np.cumsum(lengths) - lengths, lengths,
                  np.array([link for _, link in kept], np.int64))


class Mutator:
    """`batch()` gives the next batch. Frames lie directly one behind the other; link types are those of the batch's interfaces."""

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self._corpus = corpus
        self._state = np.array([seed * 2 + 1], np.uint64)
        self._links, self._link_number = np.unique(corpus.link_types, return_inverse=True)
        self._buffer = np.zeros(BATCH_PACKETS * (MAX_FRAME + 64), np.uint8)
        data = self._buffer.view()
        data.flags.writeable = False
        self._batch = Batch.empty(data, tuple(self._links.tolist()))

    def batch(self) -> Batch:
        b, c = self._batch, self._corpus
        mutate(self._state, c.octets, c.starts, c.lengths, self._link_number, self._buffer, b.offsets, b.captured, b.wire,
               b.times_ns, b.interfaces)
        b.count = BATCH_PACKETS
        return b


@njit(cache=True, nogil=True)
def _draw(state, below):
    """Next pseudo-random number, 0 to below - 1 (PCG: a linear congruential generator, its high bits folded)."""
    state[0] = state[0] * _MULTIPLIER + _INCREMENT
    word = state[0] ^ (state[0] >> uint64(29))
    return int64((word >> uint64(20)) % uint64(below))


@njit(cache=True, nogil=True)
def mutate(state, octets, starts, lengths, links, buffer, offsets, captured, wire, times_ns, interfaces):
    """Fills the batch with one mutated frame after the other."""
    at = 0
    for i in range(len(offsets)):
        frame = _draw(state, len(starts))
        length = lengths[frame]
        buffer[at : at + length] = octets[starts[frame] : starts[frame] + length]
        if _draw(state, 4) == 0 and length > 20:  # spliced with another
            other, cut = _draw(state, len(starts)), _draw(state, min(length, HEADERS))
            taken = min(lengths[other] - min(cut, lengths[other]), length - cut)
            buffer[at + cut : at + cut + taken] = octets[starts[other] + lengths[other] - taken : starts[other] + lengths[other]]
        for _ in range(_draw(state, 6)):
            if length == 0:
                break
            where = at + _draw(state, min(length, HEADERS) if _draw(state, 4) else length)
            how = _draw(state, 5)
            if how == 0:
                buffer[where] ^= 1 << _draw(state, 8)
            elif how == 1:
                buffer[where] = _draw(state, 256)
            elif how == 2:
                buffer[where] = 0xFF
            elif how == 3:
                buffer[where] = 0
            else:
                buffer[where] += 1
        wire[i] = length
        if _draw(state, 3) == 0:  # captured less than there was
            length = _draw(state, length + 1)
        elif _draw(state, 8) == 0:  # or told that there was more
            wire[i] += _draw(state, 70000)
        offsets[i], captured[i], interfaces[i] = at, length, links[frame]
        times_ns[i] = 1_700_000_000_000_000_000 + i * 1000 + _draw(state, 2_000_000_000)
        at += length
