"""Generated packets, good and broken: the signature is the twin's, and nothing but the packet is read."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import frames
from tests.oracles import signature_twin as twin
from tests.unit.father.signature_packets import ALL, packet_in, routed, sign, sign_many, translated

variants = st.tuples(st.booleans(), st.booleans())
packets_and_errors = st.one_of(frames.ipv4(), frames.ipv6(), frames.ipv4(frames.icmp_error), frames.ipv6(frames.icmp_error))
limits = st.one_of(st.just(ALL), st.integers(-1, 120))


def minimum(packet: bytes) -> int:
    return 20 if packet[0] >> 4 == 4 else 40


def check(packet: bytes, nat: bool, md5: bool, limit: int = ALL) -> None:
    """As the twin, at the edges of the array and with different rubbish around."""
    expected = twin.sign(packet, nat, md5, limit)
    assert expected == sign(packet, nat, md5, limit)
    for rubbish in (b"\0", b"\xff", b"\x45"):
        assert [expected] == sign_many([packet], nat, md5, limit, rubbish)


@settings(max_examples=400)
@given(st.one_of(frames.ipv4(), frames.ipv6()), variants, limits)
def test_good_packets(packet, variant, limit):
    check(packet, *variant, limit)


@settings(max_examples=600)
@given(frames.broken(), variants, limits)
def test_broken_frames(frame, variant, limit):
    """Noise, lying lengths, chains of headers that are cut: whatever the dissection lets through."""
    packet = packet_in(*frame)
    if packet is not None:
        check(packet, *variant, limit)


@settings(max_examples=40)
@given(packets_and_errors, variants)
def test_cut_at_every_octet(packet, variant):
    for end in range(minimum(packet), len(packet) + 1):
        check(packet[:end], *variant)


@settings(max_examples=400)
@given(st.binary(min_size=40, max_size=200), st.sampled_from((0x45, 0x46, 0x4F, 0x40, 0x60, 0x6F)),
       st.sampled_from((0, 1, 6, 17, 33, 43, 44, 51, 58, 60, 132, 135)), variants, limits)  # fmt: skip
def test_noise(octets, first, protocol, variant, limit):
    """Noise behind a first octet and a protocol that lead on."""
    at = 9 if first >> 4 == 4 else 6
    check(bytes((first,)) + octets[1:at] + bytes((protocol,)) + octets[at + 1 :], *variant, limit)


@settings(max_examples=300)
@given(st.one_of(frames.ipv4(), frames.ipv6()), st.integers(0, 1 << 32))
def test_the_same_all_along_the_path(packet, seed):
    for nat, md5 in ((False, False), (False, True), (True, False)):
        farther = list(routed(packet, random.Random(seed)))
        assert {sign(packet, nat, md5)} == set(sign_many(farther, nat, md5))


@settings(max_examples=400)
@given(packets_and_errors, st.integers(0, 1 << 32))
def test_the_same_behind_translators(packet, seed):
    moved = translated(packet, random.Random(seed))
    if moved is None:
        return
    for md5 in (False, True):
        assert sign(packet, True, md5) == sign(moved, True, md5)
        assert sign(packet, False, md5) != sign(moved, False, md5)


@settings(max_examples=300)
@given(st.one_of(frames.ipv4(), frames.ipv6()), variants, st.data())
def test_any_other_octet_is_another_signature(packet, variant, data):
    """Two packets have the same signature if and only if they have the same canonical form."""
    nat, md5 = variant
    at = data.draw(st.integers(1, len(packet) - 1))
    changed = packet[:at] + bytes((packet[at] ^ data.draw(st.integers(1, 255)),)) + packet[at + 1 :]
    same = twin.canonical(packet, nat) == twin.canonical(changed, nat)
    assert same == (sign(packet, nat, md5) == sign(changed, nat, md5))
