"""The record of one packet: what the father writes into a ring slot and the child reads in place."""

import numpy as np

PACKET = np.dtype([
    # First cache line: whose packet it is.
    ("time_ns", "<i8"),  # ns since 1970-01-01 UTC
    ("class_mask", "<u8"),  # bit i: the packet belongs to the i-th flow class of the probe
    ("src_hi", "<u8"), ("src_lo", "<u8"),  # 128-bit source address as a number, IPv4 as ::ffff:a.b.c.d
    ("dst_hi", "<u8"), ("dst_lo", "<u8"),
    ("interface", "<u2"),  # position of the interface in the configuration of the probe, + 256 times its number in a pcapng file
    ("vlan", "<u2"),  # identifier of the outermost VLAN tag; meaningful with HAS_VLAN
    ("src_port", "<u2"), ("dst_port", "<u2"),  # meaningful with HAS_PORTS
    ("protocol", "<u1"),  # transport protocol, after IPv6 extension headers
    ("ip_version", "<u1"), ("tos", "<u1"), ("ttl", "<u1"),
    ("flags", "<u4"),
    # Second: what its headers say.
    ("ip_octets", "<u4"),  # IP total length; IPv6: 40 + payload length
    ("wire_octets", "<u4"),  # frame length on the wire as the capture tells it
    ("payload_octets", "<u4"),  # transport payload in this packet, by its headers
    ("fragment_id", "<u4"),
    ("fragment_offset", "<u2"),  # octets / 8
    ("tcp_flags", "<u2"),
    ("tcp_window", "<u2"),
    ("icmp_type", "<u1"), ("icmp_code", "<u1"),
    ("tcp_seq", "<u4"), ("tcp_ack", "<u4"),
    ("tcp_tsval", "<u4"), ("tcp_tsecr", "<u4"),  # meaningful with HAS_TIMESTAMPS; RFC 7323 section 3
    ("signature", "<u8"),  # SIGNED: hash of what does not change along the path; REASSEMBLED: time_ns of the oldest fragment
    # Octets of the packet itself, from its IP header on, in the ring's area: at bytes_offset (modulo 2**32 and the area's length)
    # there are bytes_length of them, 0 for most packets. The offset is always that of the next free octet.
    ("bytes_offset", "<u4"), ("bytes_length", "<u4"),
    # Third: what few packets have. Only meaningful with the flag that stands there, or left as they were.
    ("quoted_mask", "<u8"),  # always meaningful. ICMP errors: the classes of the packet they quote; if there are any, a record
    # with QUOTED follows; in that record itself: type << 8 | code of the error
    ("ftp_mask", "<u8"),  # FTP_PEERS: classes with an FTP session between the two addresses of this packet
    ("signature_nat", "<u8"),  # SIGNED_NAT: the same without what address translation changes
    # bytes_length > 0: where these begin in the octets, 0 if they are not among them (the payload may be none of its own length)
    ("transport_at", "<u2"), ("payload_at", "<u2"),
    ("tcp_mss", "<u2"),  # HAS_MSS; RFC 9293 section 3.7.1
    ("tcp_window_scale", "<u1"),  # HAS_WINDOW_SCALE: shift count, RFC 7323 section 2
    ("sack_blocks", "<u1"),  # HAS_SACK: how many of the four pairs below, RFC 2018 section 3
    ("sack", "<u4", (8,)),  # left and right edge of each block
    ("icmp_id", "<u2"), ("icmp_seq", "<u2"),  # HAS_ECHO: RFC 792, RFC 4443 section 4
    ("service", "<u1"),  # SERVICE: bits of the services (tmon_probe.demand) whose port the packet has
    ("unused", "<u1", (3,)),
])
assert PACKET.itemsize == 192  # three cache lines

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
HAS_TIMESTAMPS = 1 << 12  # TCP option
HAS_MSS = 1 << 13
HAS_WINDOW_SCALE = 1 << 14
SACK_PERMITTED = 1 << 15
HAS_SACK = 1 << 16
IP_TIMESTAMP = 1 << 17  # IPv4 options; the packet's header is among its octets
RECORD_ROUTE = 1 << 18
ROUTER_ALERT = 1 << 19  # IPv4 option or that of an IPv6 hop-by-hop header, RFC 2113 and 2711
HAS_ECHO = 1 << 20  # ICMP or ICMPv6 echo request or reply
TUNNELLED = 1 << 21  # the packet was carried in another, which is not measured
SERVICE = 1 << 22
FTP_PEERS = 1 << 23
SIGNED = 1 << 24
SIGNED_NAT = 1 << 25
EARLY_FRAGMENT = 1 << 26  # a later fragment whose first one has not been seen: it may belong to classes beyond class_mask
MERGED = 1 << 27  # longer than the device can send: the kernel merged several packets (receive offload)
REASSEMBLED = 1 << 28  # not a packet of its own: a datagram that the child put together, after the record of its last fragment;
# time_ns is that of its youngest fragment, `signature` that of its oldest; wire_octets is the number of its fragments, all else the
# datagram's. Its octets are those of the packet that was fragmented (RFC 8200 section 4.5), but for the checksum of an IPv4 header.
