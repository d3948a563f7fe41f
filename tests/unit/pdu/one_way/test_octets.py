"""The decoder of one-way observations on any octets: what a slow reader of the document makes of them, or a PduError."""

import numpy as np
import pytest

from tests.unit.pdu.one_way import twin
from tests.unit.pdu.one_way.make import MS, START, US, traffic
from tests.unit.pdu.twin import UnsoundError
from tmon_common.observations import ABSENT
from tmon_common.pdu.error import PduError
from tmon_common.pdu.one_way import Form, OneWayPacker, decode
from tmon_common.pdu.one_way.layout import MAX_OBSERVATIONS
from tmon_common.pdu.one_way.packer import in_order


def same(octets: bytes) -> bool:
    """Whether they are sound; both readers agree."""
    try:
        expected = twin.decode(octets)
    except UnsoundError:
        with pytest.raises(PduError, match="payload"):
            decode(octets, 0, len(octets))
        return False
    block = decode(b"xx" + octets + b"yy", 2, 2 + len(octets))
    form = block.form
    assert expected == (form.flow_class, form.signature_octets, form.resolution_ns, form.sizes, block.sequence, block.watermark_ns,
                        block.ended, block.words.tolist())
    return True


def samples() -> list[bytes]:
    """Payloads with every column and every way of telling one."""
    random, made = np.random.default_rng(3), []
    for n, (octets, unit, sizes) in enumerate([(3, US, True), (4, 1, False), (2, MS, True), (4, 100, True)]):
        words = traffic(60, flows=1 + 5 * n, seed=n, octets=(40, 52, 1500) if n < 3 else range(20, 1500))
        words[random.random(60) < 0.3, 5] = START + 10**9
        words[:, 6 + n % 4] = words[:, 3] - 600 * MS + random.integers(0, MS, 60)
        words[random.random(60) < 0.5, 9] = START
        words[random.random(60) < 0.1, 4] = ABSENT
        packer, words, start = OneWayPacker(Form("voix é", octets, unit, sizes)), in_order(words), 0
        while start < 60:
            packed = packer.pack(words, start, 150, 1000 * start, START + n, ended=n > 1)
            made.append(packed.octets)
            start += packed.rows
    return made


SAMPLES = samples()


def test_samples_are_read_alike():
    assert all(same(octets) for octets in SAMPLES)
    modes = {mode for octets in SAMPLES for mode in octets[1:2]}
    assert len(modes) == 4


@pytest.mark.parametrize("n", range(0, len(SAMPLES), 2))
def test_cut_or_longer(n):
    sound = sum(same(SAMPLES[n][:end]) for end in range(len(SAMPLES[n])))
    assert sound < len(SAMPLES[n]) // 5  # cut between groups
    same(SAMPLES[n] + bytes(3))


@pytest.mark.parametrize("seed", range(20))
def test_damaged(seed):
    """Bits flipped, octets replaced by telling ones, pieces left out or doubled: some stay sound, none does harm."""
    random, outcomes = np.random.default_rng(seed), []
    for _ in range(150):
        octets = bytearray(SAMPLES[random.integers(len(SAMPLES))])
        for _ in range(random.integers(1, 4)):
            at = int(random.integers(len(octets)))
            how = random.integers(4)
            if how == 0:
                octets[at] ^= 1 << int(random.integers(8))
            elif how == 1:
                octets[at] = int(random.choice([0, 1, 63, 64, 104, 127, 128, 168, 192, 255]))
            elif how == 2:
                del octets[at : at + int(random.integers(1, 5))]
            else:
                octets[at:at] = octets[at : at + int(random.integers(1, 12))]
            if not octets:
                break
        outcomes.append(same(bytes(octets)))
    assert {True, False} == set(outcomes)


@pytest.mark.parametrize("seed", range(10))
def test_noise_behind_a_sound_beginning(seed):
    random = np.random.default_rng(seed)
    for _ in range(100):
        start = SAMPLES[random.integers(len(SAMPLES))][: int(random.integers(2, 40))]
        same(start + random.bytes(int(random.integers(0, 200))))
        same(random.bytes(int(random.integers(0, 60))))


def test_no_more_observations_than_a_pdu_may_have():
    """The room is that of the octets there are, whatever count they claim."""
    head = bytes((0x10, 0x02, 0, 1, 65, 0))  # class A, signatures of 2 octets, no sizes
    def group(n):
        return bytes((1, 1, (n - 1) & 127 | 128, (n - 1) >> 7, 0, 0, 0)) + bytes(2 * n) + bytes((n + 6) // 8)
    assert same(head + group(MAX_OBSERVATIONS))
    assert len(decode(head + group(300), 0, 6 + len(group(300))).words) == 300
    assert not same(head + group(MAX_OBSERVATIONS + 1))
    assert not same(head + group(MAX_OBSERVATIONS) + bytes((0, 1, 0, 0, 0, 0, 0)))
    assert not same(head + bytes((1, 1, *[255] * 8, 127, 0, 0, 0)) + bytes(100))
