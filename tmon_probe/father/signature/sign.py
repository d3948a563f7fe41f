"""Kernel: the signature of a packet."""

from numba import njit

from tmon_probe.father.signature.fast64 import fast64
from tmon_probe.father.signature.md5 import sign_md5


@njit(cache=True, nogil=True)
def sign_packet(data, at, end, nat, md5, limit):
    """The signature of the packet, or fragment, whose IP header is at data[at] (uint8 array); uint64. Its low 24 or 32 bits do.

    end     end of the packet by its own length, as far as it was captured; its 20 (IPv4) or 40 (IPv6) octets of header are there
    nat     true: what translators of addresses and ports rewrite is left out
    md5     true: first 64 bits of MD5 (first octet lowest); else fast64
    limit   octets of transport header and payload that are looked at, at most

    Which octets count: `canonical`. Nothing outside data[at:end] is read.
    """
    if md5:
        return sign_md5(data, at, end, nat, limit)
    return fast64(data, at, end, nat, limit)


@njit(cache=True, nogil=True)
def sign_fast64(data, at, end, nat, limit):
    """As `sign_packet`, fast64 only."""
    return fast64(data, at, end, nat, limit)
