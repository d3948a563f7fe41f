"""Kernels: the octets of fragments into the pages of their datagram, each where it belongs, the first ones that came."""

from numba import int64, njit, uint64

from tmon_probe.child.reassembly import layout

_PAGE, _UNIT = layout.PAGE, layout.UNIT
_WORD_UNITS = 64
_MAX_EXTENSION_HEADERS = 16
_FRAGMENT_HEADER, _AUTHENTICATION = 44, 51
_NOTHING, _ALL = uint64(0), uint64(0xFFFFFFFFFFFFFFFF)


@njit(cache=True, nogil=True, _nrt=False)
def find_payload(areas, lane, start, end, record):
    """Where the payload of the fragment at areas[lane, start:end] (uint8; from its IP header on) begins.

    Returns (octets before it, -1 if that is not to be found; IPv6: where among them stands that a fragment header follows).
    Before it are an IPv4 header, or an IPv6 header, the extension headers of the unfragmentable part and the fragment header, which
    must be the one that `record` (records.PACKET) tells of. Sources: RFC 791 section 3.1, RFC 8200 sections 4 and 4.5.
    """
    length = end - start
    if record.ip_version == 4:
        return int64(areas[lane, start] & 0x0F) * 4 if length >= 20 else int64(-1), int64(0)
    at, named_at = int64(40), int64(6)
    for _ in range(_MAX_EXTENSION_HEADERS):
        if at + 8 > length:
            break
        kind, here = int64(areas[lane, start + named_at]), start + at
        if kind == _FRAGMENT_HEADER:
            word = int64(areas[lane, here + 2]) << 8 | int64(areas[lane, here + 3])
            identification = int64(0)
            for k in range(4):
                identification = identification << 8 | int64(areas[lane, here + 4 + k])
            if word & 0xFFF9:  # else it stands alone, RFC 6946
                told = word >> 3 == record.fragment_offset and identification == record.fragment_id
                return at + 8 if told else int64(-1), named_at
            size = int64(8)
        elif kind in (0, 43, 60, 135, 139, 140):
            size = (int64(areas[lane, here + 1]) + 1) * 8
        elif kind == _AUTHENTICATION:
            size = (int64(areas[lane, here + 1]) + 2) * 4
        else:
            break
        named_at = at
        at += size
    return int64(-1), int64(0)


@njit(cache=True, nogil=True, _nrt=False)
def place_octets(t, c, areas, lane, start, offset, end):
    """Octets `offset` to `end` of the payload of datagram c are at areas[lane, start:]; those not there yet are taken.

    The pages are there. `offset` is a multiple of 8, and so is `end` unless it is that of the datagram.
    Returns (units that are new, units that were there, 1 if the octets that were there are the same).
    """
    new, old, same = int64(0), int64(0), int64(1)
    unit, units = offset // _UNIT, (end + _UNIT - 1) // _UNIT
    while unit < units:
        until = min((unit // _WORD_UNITS + 1) * _WORD_UNITS, units)  # as far as one word of `covered` tells
        page = int64(t.pages[c, unit * _UNIT // _PAGE])
        word = unit % (_PAGE // _UNIT) // _WORD_UNITS
        bits = (_ALL >> uint64(_WORD_UNITS - (until - unit))) << uint64(unit % _WORD_UNITS)
        covered = t.covered[page, word]
        if covered & bits != _NOTHING and covered & bits != bits:  # some of them: one at a time
            until = unit + 1
            bits = uint64(1) << uint64(unit % _WORD_UNITS)
        octets = min(until * _UNIT, end) - unit * _UNIT
        source, target = start + unit * _UNIT - offset, page * _PAGE + unit * _UNIT % _PAGE
        if covered & bits == _NOTHING:
            for k in range(octets):
                t.pool[target + k] = areas[lane, source + k]
            t.covered[page, word] = covered | bits
            new += until - unit
        else:
            difference = 0
            for k in range(octets):
                difference |= int64(t.pool[target + k]) ^ int64(areas[lane, source + k])
            if difference:
                same = int64(0)
            old += until - unit
        unit = until
    return new, old, same


@njit(cache=True, nogil=True, _nrt=False)
def copy_out(t, c, number, target, at, count):
    """The first `count` octets of a context's pages, from page `number` on, to target[at:] (uint8)."""
    done = int64(0)
    while done < count:
        source = int64(t.pages[c, number]) * _PAGE
        octets = min(count - done, _PAGE)
        for k in range(octets):
            target[at + done + k] = t.pool[source + k]
        done += octets
        number += 1
