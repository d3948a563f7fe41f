"""Kernel: MD5 (RFC 1321) of the canonical form of a packet, its first 64 bits."""

import math

from llvmlite import ir
from numba import njit, types, uint64
from numba.extending import intrinsic

from tmon_probe.father.signature.canonical import header_of, hidden_octets
from tmon_probe.father.signature.translation import kept
from tmon_probe.father.signature.words import first_octets, le64

AB, CD = uint64(0xEFCDAB8967452301), uint64(0x1032547698BADCFE)  # the four registers at the start, two in a word
_HALF, _WORD = ir.IntType(32), ir.IntType(64)
_TURNS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_ORDERS = ((1, 0), (5, 1), (3, 5), (7, 0))  # (factor, summand): which word each step of a round takes


def _mixed(builder, turn, b, c, d):
    """F, G, H and I of the standard (F and G written with one operation less)."""
    if turn == 0:
        return builder.xor(d, builder.and_(b, builder.xor(c, d)))
    if turn == 1:
        return builder.xor(c, builder.and_(d, builder.xor(b, c)))
    if turn == 2:
        return builder.xor(b, builder.xor(c, d))
    return builder.xor(c, builder.or_(b, builder.not_(d)))


def _halves(builder, word):
    return builder.trunc(word, _HALF), builder.trunc(builder.lshr(word, ir.Constant(_WORD, 32)), _HALF)


@intrinsic
def _block(_typing, ab, cd, w0, w1, w2, w3, w4, w5, w6, w7):  # noqa: ARG001 Numba types these arguments
    """The registers (ab, cd) after a block of 64 octets, given as eight words: the 64 steps, written out."""

    def generate(context, builder, signature, arguments):
        numbers = [half for word in arguments for half in _halves(builder, word)]
        a, b, c, d = start = numbers[:4]
        for step in range(64):
            turn = step // 16
            factor, summand = _ORDERS[turn]
            total = builder.add(a, _mixed(builder, turn, b, c, d))
            total = builder.add(total, numbers[4 + (factor * step + summand) % 16])
            total = builder.add(total, ir.Constant(_HALF, int(abs(math.sin(step + 1)) * 2**32)))
            by = _TURNS[turn][step % 4]
            total = builder.or_(builder.shl(total, ir.Constant(_HALF, by)), builder.lshr(total, ir.Constant(_HALF, 32 - by)))
            a, b, c, d = d, builder.add(b, total), b, c
        a, b, c, d = (builder.zext(builder.add(old, new), _WORD) for old, new in zip(start, (a, b, c, d), strict=True))
        up = ir.Constant(_WORD, 32)
        return context.make_tuple(builder, signature.return_type,
                                  (builder.or_(a, builder.shl(b, up)), builder.or_(c, builder.shl(d, up))))

    return types.UniTuple(types.uint64, 2)(*[types.uint64] * 10), generate


@njit(cache=True, nogil=True, inline="always")
def _padded(data, start, count, done, bits, quoted_bits, inner_at, inner_bits):
    """Eight octets from octet `done` of data[start : start + count], then one of 0x80, then zeros; 0 where `done` is negative."""
    left = count - done
    if done < 0 or left < 0:
        return uint64(0)
    word = first_octets(data, start + done, left) & kept(done, bits, quoted_bits, inner_at, inner_bits)
    if left < 8:
        word |= uint64(0x80) << uint64(8 * left)
    return word


@njit(cache=True, nogil=True)
def sign_md5(data, at, end, nat, limit):
    """First 64 bits of the MD5 of the canonical form of a packet, first octet of the digest lowest; uint64. See `sign_packet`."""
    version, protocol, start, a, b, c, d, e, f = header_of(data, at, end, nat)
    count = max(min(end - start, limit), 0)
    bits = quoted_bits = inner_at = inner_bits = hidden_to = 0
    if nat:
        bits, quoted_bits, inner_at, inner_bits, hidden_to = hidden_octets(data, start, count, version, protocol)
    ab, cd = AB, CD
    done = -16 if version == 4 else -48
    octets = count - done
    while True:
        if done >= hidden_to and done >= 0 and done + 64 <= count:
            here = start + done
            ab, cd = _block(ab, cd, le64(data, here), le64(data, here + 8), le64(data, here + 16), le64(data, here + 24),
                            le64(data, here + 32), le64(data, here + 40), le64(data, here + 48), le64(data, here + 56))
            done += 64
            continue
        w0 = _padded(data, start, count, done, bits, quoted_bits, inner_at, inner_bits)
        w1 = _padded(data, start, count, done + 8, bits, quoted_bits, inner_at, inner_bits)
        w2 = _padded(data, start, count, done + 16, bits, quoted_bits, inner_at, inner_bits)
        w3 = _padded(data, start, count, done + 24, bits, quoted_bits, inner_at, inner_bits)
        w4 = _padded(data, start, count, done + 32, bits, quoted_bits, inner_at, inner_bits)
        w5 = _padded(data, start, count, done + 40, bits, quoted_bits, inner_at, inner_bits)
        w6 = _padded(data, start, count, done + 48, bits, quoted_bits, inner_at, inner_bits)
        w7 = _padded(data, start, count, done + 56, bits, quoted_bits, inner_at, inner_bits)
        if done < 0:
            w0, w1 = a, b
            if version == 6:
                w2, w3, w4, w5 = c, d, e, f
        last = count <= done + 55
        if last:
            w7 = uint64(octets * 8)
        ab, cd = _block(ab, cd, w0, w1, w2, w3, w4, w5, w6, w7)
        if last:
            return ab
        done += 64
