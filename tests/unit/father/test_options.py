"""Named cases of the options of TCP, IPv4 and IPv6, and of echo messages."""

import struct

import pytest

from tests.pipeline_in_process import Dissector
from tests.unit.father.test_dissect import fields_of
from tests.unit.father.test_network import TCP, TIMESTAMPS, ipv4, ipv6, record_of, segment
from tmon_probe import records as r
from tmon_probe.father.capture import linktypes

BLOCKS = struct.pack(">8I", *range(0xFFFFFFF8, 0xFFFFFFFF + 1))
OPTIONS = {
    "the usual timestamps": (b"\1\1\x08\x0a" + TIMESTAMPS, {"tcp_tsval": 0x01020304, "tcp_tsecr": 0xFFFFFFFE}),
    "timestamps first": (b"\x08\x0a" + TIMESTAMPS + b"\1\1", {"tcp_tsval": 0x01020304, "tcp_tsecr": 0xFFFFFFFE}),
    "the usual timestamps, then a block": (b"\1\1\x08\x0a" + TIMESTAMPS + b"\1\1\5\x0a" + BLOCKS[8:16],
                                           {"tcp_tsval": 0x01020304, "sack_blocks": 1, "sack": [0xFFFFFFFA, 0xFFFFFFFB]}),
    "none": (b"", {}),
    "a header too short for timestamps": (b"\1\1\1\1", {}),
    "a syn": (b"\2\4\5\xb4\4\2\x08\x0a" + TIMESTAMPS + b"\1\3\3\x0e",
              {"tcp_mss": 1460, "tcp_window_scale": 14, "tcp_tsval": 0x01020304, "tcp_tsecr": 0xFFFFFFFE}),
    "four blocks": (b"\1\1\5\x22" + BLOCKS, {"sack_blocks": 4, "sack": list(range(0xFFFFFFF8, 0xFFFFFFFF + 1))}),
    "one block": (b"\1\1\5\x0a" + BLOCKS[8:16], {"sack_blocks": 1, "sack": [0xFFFFFFFA, 0xFFFFFFFB]}),
    "nothing after the end": (b"\3\3\7\0\2\4\5\xb4", {"tcp_window_scale": 7}),
    "unknown ones": (b"\xfe\4\1\1\x13\x12" + bytes(16) + b"\3\3\7\1\1\1", {"tcp_window_scale": 7}),
    "the last of two": (b"\3\3\7\3\3\x08\1\1", {"tcp_window_scale": 8}),
    "other lengths": (b"\2\3\5\3\4\7\7\4\3\1\5\7\1\1\1\1\1" + b"\x08\4\1\1\5\2\1", {}),
    "a lie ends the list": (b"\3\3\7\2\1\4\2\1", {"tcp_window_scale": 7}),
    "longer than the header": (b"\3\3\7\2\4\5\xb4\x08\x0a\1\1\1", {"tcp_window_scale": 7, "tcp_mss": 1460}),
}
FLAGS = {"tcp_mss": r.HAS_MSS, "tcp_window_scale": r.HAS_WINDOW_SCALE, "tcp_tsval": r.HAS_TIMESTAMPS, "sack": r.HAS_SACK}
OF_OPTIONS = r.HAS_MSS | r.HAS_WINDOW_SCALE | r.HAS_TIMESTAMPS | r.HAS_SACK | r.SACK_PERMITTED


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("case", OPTIONS)
def test_tcp_options(case, version):
    """What the options say, with the flag that says that they do; what comes after the header is no option."""
    options, expected = OPTIONS[case]
    body = segment(options) + b"\1\1\x08\x0a" + TIMESTAMPS + b"\2\4\5\xb4"
    record = record_of(ipv4(6, 20 + len(body), body) if version == 4 else ipv6(6, len(body), body))
    assert expected == fields_of(record, expected)
    permitted = r.SACK_PERMITTED if case == "a syn" else 0
    assert sum(FLAGS.get(name, 0) for name in expected) | permitted == int(record["flags"]) & OF_OPTIONS
    assert "tcp_tsval" in expected or (0, 0) == (int(record["tcp_tsval"]), int(record["tcp_tsecr"]))
    assert 16 == int(record["payload_octets"])


def test_cut_tcp_options():
    """Captured to any length, and on the wire ever so long: the options that are whole count."""
    packet = ipv4(6, 64, segment(b"\3\3\7\1" + b"\1\1\x08\x0a" + TIMESTAMPS + b"\2\4\5\xb4\1\1\4\2"))
    for length in range(40, 65):
        flags = int(record_of(packet[:length], 64)["flags"])
        expected = (length >= 43) * r.HAS_WINDOW_SCALE | (length >= 56) * r.HAS_TIMESTAMPS | (length >= 60) * r.HAS_MSS
        assert expected | (length == 64) * r.SACK_PERMITTED == flags & OF_OPTIONS
        usual = ipv4(6, 52, segment(b"\1\1\x08\x0a" + TIMESTAMPS))[:length]
        assert (length >= 52) == (int(record_of(usual, 52)["flags"]) & r.HAS_TIMESTAMPS > 0)


def test_options_of_a_segment_longer_than_its_packet():
    """The data offset reaches beyond the IP packet: the options within it count, what follows it in the frame does not."""
    packet = ipv4(6, 44, segment(b"\3\3\7\1" + b"\2\4\5\xb4\1\1\4\2"))
    assert r.HAS_WINDOW_SCALE == int(record_of(packet)["flags"]) & OF_OPTIONS


@pytest.mark.parametrize(("options", "expected"), [
    (b"\x44\x0c\5\0" + bytes(8), r.IP_TIMESTAMP), (b"\7\7\4" + bytes(4) + b"\0", r.RECORD_ROUTE), (b"\x94\4\0\0", r.ROUTER_ALERT),
    (b"\1\x94\4\0\0\x44\4\5\0\7\3\4", r.ROUTER_ALERT | r.IP_TIMESTAMP | r.RECORD_ROUTE),
    (b"\0\x94\4\0", 0), (b"\x82\0\x94\4\0\0\0\0", 0), (b"\x82\x0b" + bytes(9) + b"\x94\4\0\0" + bytes(1), r.ROUTER_ALERT),
    (b"\7\2\x44\2\x94\4\0\0", r.ROUTER_ALERT), (b"\x44\x28\5\0" + bytes(4), 0), (b"\x94\3\0\0", 0),
    (b"\x94\4\0\0\x07\1\x44\4", r.ROUTER_ALERT),
])  # fmt: skip
def test_ipv4_options(options, expected):
    """Timestamp, record route and router alert, whole ones of the right length, up to the first that is not."""
    header = bytes((0x45 + len(options) // 4,)) + ipv4(6, 40 + len(options), b"")[1:]
    record = record_of(header + options + TCP)
    assert expected | r.HAS_PORTS | r.HAS_TCP == int(record["flags"])
    assert (1, 2) == (int(record["src_port"]), int(record["dst_port"]))


def test_ipv4_options_that_were_not_captured():
    """What lies behind the captured octets in memory is no option."""
    header = b"\x46" + ipv4(6, 44, b"")[1:]
    assert 0 == int(Dissector(after=b"\x94\4\0\0" * 9)(header, linktypes.RAW, 44).record["flags"]) & r.ROUTER_ALERT


@pytest.mark.parametrize(("options", "expected"), [
    (b"\5\2\0\0\1\0", True), (b"\0\5\2\0\0\0", True), (b"\1\0\5\2\0\0", True), (b"\1\4\5\2\0\0", False), (b"\0\0\0\5\2\0", False),
    (b"\5\1\0\5\2\0", False), (b"\1\4\0\0\0\0" + b"\5\2\0\0\1\0\1\0", True), (b"\xc9\x08" + bytes(8) + b"\5\2\0\0", True),
])  # fmt: skip
def test_ipv6_router_alert(options, expected):
    """In a hop-by-hop header, where an option begins, and whole."""
    header = bytes((6, len(options) // 8)) + options
    record = record_of(ipv6(0, len(header) + len(TCP), header + TCP))
    assert expected == (int(record["flags"]) & r.ROUTER_ALERT > 0)
    assert 1 == int(record["src_port"])
    destination = record_of(ipv6(60, len(header) + len(TCP), header + TCP))
    assert 0 == int(destination["flags"]) & r.ROUTER_ALERT


@pytest.mark.parametrize("kind", [0, 3, 8, 13, 128, 129])
@pytest.mark.parametrize("version", [4, 6])
def test_echo(kind, version):
    """Identifier and sequence number of echo requests and replies, once they are there."""
    message = bytes((kind, 0)) + bytes(2) + b"\x12\x34\xff\xfe" + bytes(8)
    packet = ipv4(1, 36, message) if version == 4 else ipv6(58, 16, message)
    echo = kind in ((0, 8) if version == 4 else (128, 129))
    for length in range(len(packet) - 12, len(packet) + 1):
        record = record_of(packet[:length], len(packet))
        whole = echo and length >= len(packet) - 8
        assert whole == (int(record["flags"]) & r.HAS_ECHO > 0)
        assert not whole or (int(record["icmp_id"]), int(record["icmp_seq"])) == (0x1234, 0xFFFE)
