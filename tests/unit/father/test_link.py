"""Named cases of the link layer: where the IP header is found, with which VLAN, and what is not IP."""

import struct

import pytest

from tests.pipeline_in_process import Dissector
from tmon_probe import records as r
from tmon_probe.father.capture import linktypes as lt

IP = bytes.fromhex("4500001c00000000401100000a0000010a000002 0035003500080000")
IP6 = bytes.fromhex("6000000000081140") + bytes(15) + b"\1" + bytes(15) + b"\2" + bytes.fromhex("0035003500080001")
MACS = b"\2\0\0\0\0\1\2\0\0\0\0\2"
TAG = b"\x81\0"
LABEL = struct.pack(">I", 16 << 12 | 64)
BOTTOM = struct.pack(">I", 16 << 12 | 1 << 8 | 64)
SNAP = b"\xaa\xaa\3\0\0\0"

FOUND = {
    "ethernet": (lt.ETHERNET, MACS + b"\x08\0" + IP, None),
    "priority tag": (lt.ETHERNET, MACS + TAG + b"\xe0\0\x08\0" + IP, 0),
    "vlan": (lt.ETHERNET, MACS + TAG + b"\xe0\x4d\x86\xdd" + IP6, 77),
    "qinq: the outermost": (lt.ETHERNET, MACS + b"\x88\xa8\0\5" + TAG + b"\0\6\x08\0" + IP, 5),
    "seven tags": (lt.ETHERNET, MACS + (TAG + b"\0\7") * 7 + b"\x08\0" + IP, 7),
    "mpls": (lt.ETHERNET, MACS + b"\x88\x47" + LABEL + BOTTOM + IP6, None),
    "mpls, eight labels": (lt.ETHERNET, MACS + b"\x88\x48" + 7 * LABEL + BOTTOM + IP, None),
    "mpls in a vlan": (lt.ETHERNET, MACS + TAG + b"\0\3\x88\x47" + BOTTOM + IP, 3),
    "pppoe": (lt.ETHERNET, MACS + b"\x88\x64\x11\0\0\1\0\x1e\0\x21" + IP, None),
    "pppoe v6": (lt.ETHERNET, MACS + b"\x88\x64\x11\0\0\1\0\x32\0\x57" + IP6, None),
    "snap": (lt.ETHERNET, MACS + b"\0\x24" + SNAP + b"\x08\0" + IP, None),
    "snap, then vlan": (lt.ETHERNET, MACS + b"\0\x24" + SNAP + TAG + b"\0\x09\x08\0" + IP, 9),
    "cooked": (lt.LINUX_SLL, bytes(14) + b"\x08\0" + IP, None),
    "cooked, vlan": (lt.LINUX_SLL, bytes(14) + TAG + b"\0\x09\x08\0" + IP, 9),
    "cooked v2": (lt.LINUX_SLL2, b"\x86\xdd" + bytes(18) + IP6, None),
    "raw": (lt.RAW, IP6, None),
    "loopback, little endian": (lt.NULL, b"\2\0\0\0" + IP, None),
    "loopback, big endian": (lt.LOOP, b"\0\0\0\x18" + IP6, None),
}
NOT_IP = {
    "arp": (lt.ETHERNET, MACS + b"\x08\6" + bytes(28)),
    "spanning tree": (lt.ETHERNET, MACS + b"\0\x26\x42\x42\3" + bytes(35)),
    "snap of Cisco": (lt.ETHERNET, MACS + b"\0\x24\xaa\xaa\3\0\0\x0c\x20\0" + bytes(20)),
    "pppoe lcp": (lt.ETHERNET, MACS + b"\x88\x64\x11\0\0\1\0\x0a\xc0\x21" + bytes(10)),
    "mpls pseudowire": (lt.ETHERNET, MACS + b"\x88\x47" + BOTTOM + bytes(40)),
    "nine tags": (lt.ETHERNET, MACS + (TAG + b"\0\7") * 9 + b"\x08\0" + IP),
    "loopback of something else": (lt.NULL, b"\7\0\0\0" + IP),
    "cooked, can bus": (lt.LINUX_SLL, bytes(14) + b"\0\x0c" + bytes(16)),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(case):
    link_type, frame, vlan = FOUND[case]
    record = Dissector()(frame, link_type).record
    assert (53, 53, 17) == (int(record["src_port"]), int(record["dst_port"]), int(record["protocol"]))
    assert vlan == (int(record["vlan"]) if int(record["flags"]) & r.HAS_VLAN else None)


@pytest.mark.parametrize("case", NOT_IP)
def test_not_ip(case):
    link_type, frame = NOT_IP[case]
    tally = Dissector()(frame, link_type).tally
    assert (1, 1, 0) == (tally["seen"], tally["other"], tally["relevant"])


@pytest.mark.parametrize("labels", [9, 20])
def test_more_labels_than_are_looked_through(labels):
    """A stack of more than eight labels is malformed, as if it were cut: its bottom is not found."""
    tally = Dissector()(MACS + b"\x88\x47" + (labels - 1) * LABEL + BOTTOM + IP, lt.ETHERNET).tally
    assert (1, 1, 0) == (tally["malformed"], tally["malformed_link"], tally["relevant"])


@pytest.mark.parametrize("around", [b"\x08\0", TAG + b"\0\7\x08\0", b"\x88\x47" + LABEL + BOTTOM, b"\x88\x64\x11\0\0\1\0\x3a\0\x21",
                                    TAG + b"\0\7\x88\x64\x11\0\0\1\0\x3a\0\x21"])  # fmt: skip
def test_errors_in_any_link_layer(around):
    """The packet that an ICMP error quotes has its record, whatever lies around the error; the VLAN is that of the frame."""
    error = bytes.fromhex("4500003800000000400100000a0000020a000001 0303000000000000") + IP
    records = Dissector()(MACS + around + error, lt.ETHERNET).records
    assert [1, 17] == records["protocol"].tolist()
    assert [0, 53] == records["dst_port"].tolist()
    assert [7 if around[:2] == TAG else 0] * 2 == records["vlan"].tolist()


@pytest.mark.parametrize("case", FOUND)
def test_cut_in_the_link_header(case):
    """Cut before the IP header: malformed by its link header (or its IP header, once that has begun), never relevant."""
    link_type, frame, _ = FOUND[case]
    start = frame.index(IP6 if IP6 in frame else IP)
    for length in range(start + 20):
        tally = Dissector()(frame[:length], link_type, len(frame)).tally
        assert tally["relevant"] == 0
        assert tally["malformed"] + tally["other"] == 1
