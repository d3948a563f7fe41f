"""The record of one packet: what the father writes into a ring slot and the child reads in place."""

import numpy as np

PACKET = np.dtype([
    ("time_ns", "<i8"),  # ns since 1970-01-01 UTC
    ("class_mask", "<u8"),  # bit i: the packet belongs to the i-th flow class of the probe
    ("src_hi", "<u8"), ("src_lo", "<u8"),  # 128-bit source address as a number, IPv4 as ::ffff:a.b.c.d
    ("dst_hi", "<u8"), ("dst_lo", "<u8"),
    ("interface", "<u2"),  # position of the interface in the configuration of the probe, + 256 times its number in a pcapng file
    ("vlan", "<u2"),  # identifier of the outermost VLAN tag; meaningful with HAS_VLAN
    ("src_port", "<u2"), ("dst_port", "<u2"),  # meaningful with HAS_PORTS
    ("protocol", "<u1"),  # transport protocol, after IPv6 extension headers
    ("ip_version", "<u1"), ("tos", "<u1"), ("ttl", "<u1"),
    ("ip_octets", "<u4"),  # IP total length; IPv6: 40 + payload length
    ("wire_octets", "<u4"),  # frame length on the wire as the capture tells it
    ("payload_octets", "<u4"),  # transport payload in this packet, by its headers
    ("fragment_id", "<u4"),
    ("fragment_offset", "<u2"),  # octets / 8
    ("tcp_flags", "<u2"),
    ("tcp_seq", "<u4"), ("tcp_ack", "<u4"),
    ("tcp_window", "<u2"),
    ("icmp_type", "<u1"), ("icmp_code", "<u1"),
    ("flags", "<u4"),
    # ICMP errors: the classes of the packet they quote; if there are any, a record with QUOTED follows. In that record itself:
    # type << 8 | code of the error.
    ("quoted_mask", "<u8"),
    ("signature", "<u8"),  # reserved for one-way classes
    ("bytes_offset", "<u4"), ("bytes_length", "<u4"),  # reserved for the byte area
    ("tcp_tsval", "<u4"), ("tcp_tsecr", "<u4"),  # reserved for the timestamps option
])
assert PACKET.itemsize == 128  # two cache lines

# bits of `flags`
HAS_VLAN = 1 << 0
HAS_PORTS = 1 << 1
HAS_ICMP = 1 << 2
HAS_TCP = 1 << 3
FRAGMENT = 1 << 4  # any fragment
LATER_FRAGMENT = 1 << 5  # not the first: no transport header
MORE_FRAGMENTS = 1 << 6
DONT_FRAGMENT = 1 << 7
SNAPPED = 1 << 8  # captured less than was on the wire
QUOTED = 1 << 9  # not a packet of its own: the headers quoted by the ICMP error whose record stands before
NO_CHECKSUM = 1 << 10  # UDP checksum field is zero
HAS_UDP = 1 << 11
