"""A capture of millions of packets out of a recording: repeated, later each time, between other addresses each time.

An address is changed by adding k to its first 16-bit word and subtracting k from its second, in ones' complement. The sum of
both stays, and with it every checksum that covers them: of IPv4 headers, of TCP, UDP and ICMPv6 over the pseudo-header, of ICMP
errors over the packet they quote (RFC 1071). So checksums are as right, or wrong, as they were in the recording.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.recording import PCAP_ETHERNET, RECORD_HEADER, Recording, make_recording

EPOCH_S = 1_700_000_000
GAP_NS = 1_000_000
_ONES = 0xFFFF


def write_repeated(path: Path, recording: Recording, packets: int) -> tuple[int, int]:
    """At least `packets` packets; all repetitions are whole and each has addresses of its own. Returns (packets, IP packets)."""
    rounds = -(-packets // len(recording.starts))
    _write(path, _repetitions(recording, rounds, lambda r: np.full(len(recording.starts), r)))
    return rounds * len(recording.starts), rounds * int(recording.ip.sum())


def write_flows(path: Path, recording: Recording, packets: int, flows: int, seed: int) -> tuple[int, int]:
    """As before, but packets of about `flows` conversations follow each other at random, all through the capture.

    recording: as `conversations` makes it. All repetitions together last as long as it does, so that rows are few beside packets.
    Returns (packets, flows).
    """
    rounds = -(-packets // len(recording.starts))
    shifts = max(1, flows // (int(recording.flow.max()) + 1))
    random = np.random.default_rng(seed)
    hasty = replace(recording, times_ns=recording.times_ns // rounds)
    used: set[int] = set()

    def shift(_: int) -> np.ndarray:
        chosen = random.integers(0, shifts, len(recording.starts))
        used.update(np.unique(recording.flow * shifts + chosen).tolist())
        return chosen

    _write(path, _repetitions(hasty, rounds, shift, gap_ns=0))
    return rounds * len(recording.starts), len(used)


def write_empty(path: Path) -> None:
    """A valid capture without packets."""
    _write(path, iter(()))


def conversations(recording: Recording, count: int, limit: int = 20_000) -> Recording:
    """Packets of the `count` busiest conversations, at most `limit`, a fair share of each."""
    packets = np.bincount(recording.flow[recording.flow >= 0])
    chosen = np.argsort(-packets, kind="stable")[:count]
    share, taken, kept = max(1, limit // count), dict.fromkeys(chosen.tolist(), 0), []
    for number, flow in enumerate(recording.flow.tolist()):
        if taken.get(flow, share) < share:
            taken[flow] += 1
            kept.append(number)
    return _only(recording, kept)


def of_mean_length(recording: Recording, octets: int, longest: int, seed: int) -> Recording:
    """Without packets longer than `longest`, and then without some of the short ones, until the mean of the others is `octets`.

    Lengths are those on the wire. Which short ones are left out is chosen at random. ValueError if no more than one would be left.
    """
    wire = wire_octets(recording)
    kept = wire <= longest
    short = np.flatnonzero(kept & (wire < octets))
    np.random.default_rng(seed).shuffle(short)
    packets, total = np.arange(len(short) + 1), np.append(0, np.cumsum(wire[short]))
    enough = wire[kept].sum() - total >= octets * (kept.sum() - packets)
    if not enough.any() or kept.sum() - enough.argmax() < 2:
        raise ValueError(f"the recordings hold no packets whose mean length could be {octets} octets")
    kept[short[: enough.argmax()]] = False
    return _only(recording, np.flatnonzero(kept).tolist())


def wire_octets(recording: Recording) -> np.ndarray:
    """int64 (packets,): of each frame, on the wire."""
    return recording.octets[recording.starts[:, None] + np.arange(12, 16)].view("<u4").ravel().astype(np.int64)


def _only(recording: Recording, kept: Sequence[int]) -> Recording:
    """The packets of these numbers."""
    ends = [*recording.starts[1:].tolist(), len(recording.octets)]
    return make_recording([(int(recording.times_ns[n]), recording.octets[recording.starts[n] + RECORD_HEADER : ends[n]].tobytes(),
                            struct.unpack_from("<I", recording.octets, recording.starts[n] + 12)[0]) for n in kept])


def _repetitions(recording: Recording, rounds: int, shift, gap_ns: int = GAP_NS) -> Iterator[bytes]:
    """shift(round): int64 (packets,), by how much the addresses of each packet are moved."""
    first, second = _words(recording.octets, recording.words), _words(recording.octets, recording.partners)
    block = recording.octets.copy()
    length_ns = int(recording.times_ns[-1]) + gap_ns
    for number in range(rounds):
        moved = shift(number)[recording.packet_of_word]
        _put_words(block, recording.words, np.where(moved == 0, first, (first + moved) % _ONES))
        _put_words(block, recording.partners, np.where(moved == 0, second, (second - moved) % _ONES))
        times_ns = recording.times_ns + number * length_ns
        stamps = np.stack([EPOCH_S + times_ns // 1_000_000_000, times_ns % 1_000_000_000 // 1000], axis=1).astype("<u4")
        block[recording.starts[:, None] + np.arange(8)] = stamps.view(np.uint8).reshape(-1, 8)
        yield block.tobytes()


def _words(octets: np.ndarray, at: np.ndarray) -> np.ndarray:
    return octets[at].astype(np.int64) << 8 | octets[at + 1]


def _put_words(octets: np.ndarray, at: np.ndarray, values: np.ndarray) -> None:
    octets[at] = values >> 8
    octets[at + 1] = values & 0xFF


def _write(path: Path, blocks: Iterator[bytes]) -> None:
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, PCAP_ETHERNET))
        out.writelines(blocks)
    unfinished.rename(path)
