"""The cache of FTP session peers between processes: nobody reads what another has half written."""

import multiprocessing

import numpy as np
import pytest
from numba import njit, uint64

from tests.unit.father.table_packets import START, packet
from tmon_probe.father.ftp_peers import WAYS, FtpPeers, recall_peers, remember_peers

PAIRS, ROUNDS, LIMIT_S = 6, 2_000_000, 120
FORK = multiprocessing.get_context("fork")


@njit(nogil=True)
def masks_of(ring, slot):
    """What all writers say of a pair: a word that other pairs do not have a bit of, and its like."""
    return uint64(ring[slot].signature), uint64(ring[slot].signature_nat)


@njit(nogil=True)
def write(words, row, ring, rounds):
    """Far more pairs than entries: nearly every call writes one. Returns how many gave way."""
    gave_way = 0
    for k in range(rounds):
        slot = (k + row) % len(ring)
        ring[slot].time_ns += 1
        every, boundaries = masks_of(ring, slot)
        gave_way += remember_peers(words, row, ring, slot, every, boundaries)
    return gave_way


@njit(nogil=True)
def read(words, ring, rounds):
    """(answers, those that nobody has given): what is found of a pair is what all have said of it."""
    found = wrong = 0
    for k in range(rounds):
        slot = k % len(ring)
        every, boundaries, _ = recall_peers(words, ring, slot)
        if every | boundaries != 0:
            found += 1
            good_every, good_boundaries = masks_of(ring, slot)
            if every != good_every or boundaries != good_boundaries:
                wrong += 1
    return found, wrong


def pairs() -> np.ndarray:
    ring = np.concatenate([packet(i, 99, time_ns=START) for i in range(PAIRS)])
    for i, record in enumerate(ring):
        record["signature"], record["signature_nat"] = 0x1_0000_0001 << i, 0x1_0000_0001 << (i + 16)
    return ring


@pytest.mark.parametrize("fathers", [1, 3])
def test_what_is_read_was_written(fathers):
    """Fathers that write all the time, readers at the same time: an answer is right or none; all are there in the end."""
    peers, ring = FtpPeers(fathers, WAYS), pairs()
    write(peers.words, 0, ring.copy(), 1)
    read(peers.words, ring, 1)
    failed = FORK.Value("i", 0)

    def father(row: int) -> None:
        own = ring.copy()
        if write(peers.words, row, own, ROUNDS) < ROUNDS // 2 or read(peers.words, own, ROUNDS)[1]:
            failed.value = 1

    processes = [FORK.Process(target=father, args=(row,)) for row in range(fathers)]
    for process in processes:
        process.start()
    try:
        wrong = 0
        while any(process.is_alive() for process in processes):
            wrong += read(peers.words, ring, 10_000)[1]
        for process in processes:
            process.join(LIMIT_S)
    finally:
        for process in processes:
            process.kill()
    assert [0] * fathers == [process.exitcode for process in processes]
    assert 0 == wrong == failed.value
    found, wrong = read(peers.words, ring, PAIRS)
    assert 0 == wrong
    assert WAYS <= found <= WAYS * fathers
    assert not (peers.entries["sequence"] & 1).any()


def test_what_a_father_learns_all_know():
    """A pair remembered in a child process, made after the table, is known to the parent and to a sibling."""
    peers, ring = FtpPeers(2), pairs()
    for row in range(2):
        process = FORK.Process(target=write, args=(peers.words, row, ring.copy(), PAIRS))
        process.start()
        process.join(LIMIT_S)
        assert 0 == process.exitcode
    assert (PAIRS, 0) == read(peers.words, ring, PAIRS)
    answer = FORK.Array("q", 2)

    def ask() -> None:
        answer[:] = read(peers.words, ring, PAIRS)

    process = FORK.Process(target=ask)
    process.start()
    process.join(LIMIT_S)
    assert [PAIRS, 0] == answer[:]
