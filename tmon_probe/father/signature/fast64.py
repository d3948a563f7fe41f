"""Kernel: the hash fast64 of a packet's header words and transport octets.

Two lanes take turns; each swallows 16 octets by one multiplication of 64 by 64 bits whose halves are laid over each other:
lane = fold(first eight octets ^ key, next eight octets ^ lane). Not seeded: all probes must agree, for ever. It tells apart packets
that happen to differ; someone who wants two of his own packets to look alike can have that.
"""

from numba import njit, uint64

from tmon_probe.father.signature.canonical import header_of, hidden_octets
from tmon_probe.father.signature.translation import kept
from tmon_probe.father.signature.words import first_octets, fold, le64

# The first eight octets, lowest first, of SHA-256("trafmon fast64 <name>"), made odd.
LANE_0 = uint64(0x8ED33B14D2B26975)
LANE_1 = uint64(0x6A625770A91A8F53)
KEY_0 = uint64(0xEDE303135B0DE253)
KEY_1 = uint64(0x979DC709236B1AF5)
KEY_2 = uint64(0xDE26B19E60889963)
KEY_3 = uint64(0x94E733CD75345D03)
MIX_0 = uint64(0x4DF3C1A1A0A27247)
MIX_1 = uint64(0x57BAD6EC55D76725)


@njit(cache=True, nogil=True, inline="always")
def fast64(data, at, end, nat, limit):
    """fast64 of the canonical form of a packet; uint64. See `sign_packet`."""
    version, protocol, start, a, b, c, d, e, f = header_of(data, at, end, nat)
    lane_0, lane_1 = fold(a ^ KEY_0, b ^ LANE_0), LANE_1
    if version == 6:
        lane_0 = fold(c ^ KEY_0, d ^ lane_0)
        lane_0 = fold(e ^ KEY_0, f ^ lane_0)
    count = max(min(end - start, limit), 0)
    bits = quoted_bits = inner_at = inner_bits = hidden_to = 0
    if nat:
        bits, quoted_bits, inner_at, inner_bits, hidden_to = hidden_octets(data, start, count, version, protocol)
    done = 0
    while done + 32 <= count:
        here = start + done
        a, b, c, d = le64(data, here), le64(data, here + 8), le64(data, here + 16), le64(data, here + 24)
        if done < hidden_to:
            a &= kept(done, bits, quoted_bits, inner_at, inner_bits)
            b &= kept(done + 8, bits, quoted_bits, inner_at, inner_bits)
            c &= kept(done + 16, bits, quoted_bits, inner_at, inner_bits)
            d &= kept(done + 24, bits, quoted_bits, inner_at, inner_bits)
        lane_0 = fold(a ^ KEY_0, b ^ lane_0)
        lane_1 = fold(c ^ KEY_1, d ^ lane_1)
        done += 32
    here, left = start + done, count - done
    if left > 0:
        a, b = first_octets(data, here, left), first_octets(data, here + 8, left - 8)
        if done < hidden_to:
            a &= kept(done, bits, quoted_bits, inner_at, inner_bits)
            b &= kept(done + 8, bits, quoted_bits, inner_at, inner_bits)
        lane_0 = fold(a ^ KEY_0, b ^ lane_0)
    if left > 16:
        a, b = first_octets(data, here + 16, left - 16), first_octets(data, here + 24, left - 24)
        if done < hidden_to:
            a &= kept(done + 16, bits, quoted_bits, inner_at, inner_bits)
            b &= kept(done + 24, bits, quoted_bits, inner_at, inner_bits)
        lane_1 = fold(a ^ KEY_1, b ^ lane_1)
    word = fold(lane_0 ^ uint64(count) ^ KEY_2, lane_1 ^ KEY_3)
    # Every bit made to depend on every bit, one to one: any piece of the signature is as good as another.
    word = (word ^ (word >> uint64(32))) * MIX_0
    word = (word ^ (word >> uint64(29))) * MIX_1
    return word ^ (word >> uint64(32))
