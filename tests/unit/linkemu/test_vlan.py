"""Tags put on frames by rule. dpkt reads them back: another program's view of 802.1Q."""

import socket

import dpkt
import pytest

from tests.linkemu.vlan import VlanRule, carried

WEST_MAC, EAST_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


def ipv4(src: str, dst: str) -> bytes:
    packet = dpkt.ip.IP(src=socket.inet_aton(src), dst=socket.inet_aton(dst), p=17, data=b"payload")
    return bytes(dpkt.ethernet.Ethernet(src=WEST_MAC, dst=EAST_MAC, type=0x0800, data=packet))


def ipv6(src: str, dst: str) -> bytes:
    pton = socket.inet_pton
    packet = dpkt.ip6.IP6(src=pton(socket.AF_INET6, src), dst=pton(socket.AF_INET6, dst), nxt=59, data=b"")
    return bytes(dpkt.ethernet.Ethernet(src=WEST_MAC, dst=EAST_MAC, type=0x86DD, data=packet))


def arp(spa: str, tpa: str) -> bytes:
    request = dpkt.arp.ARP(sha=WEST_MAC, spa=socket.inet_aton(spa), tha=bytes(6), tpa=socket.inet_aton(tpa))
    return bytes(dpkt.ethernet.Ethernet(src=WEST_MAC, dst=b"\xff" * 6, type=0x0806, data=request))


def test_one_tag_is_read_back_with_its_identifier_and_priority():
    frame = ipv4("192.0.2.1", "198.51.100.1")
    ethernet = dpkt.ethernet.Ethernet(VlanRule(120, priority=5).apply(frame))
    assert [(tag.id, tag.pri) for tag in ethernet.vlan_tags] == [(120, 5)]
    assert frame[14:] == bytes(ethernet.data)


def test_qinq_has_the_service_tag_outside():
    tagged = VlanRule(120, outer_id=30).apply(ipv4("192.0.2.1", "198.51.100.1"))
    assert bytes.fromhex("88a8001e 81000078 0800") == tagged[12:22]
    assert [tag.id for tag in dpkt.ethernet.Ethernet(tagged).vlan_tags] == [30, 120]


@pytest.mark.parametrize(
    ("network", "frame", "expected"),
    [
        ("192.0.2.128/26", ipv4("192.0.2.130", "198.51.100.1"), True),
        ("192.0.2.128/26", ipv4("198.51.100.1", "192.0.2.191"), True),
        ("192.0.2.128/26", ipv4("192.0.2.127", "198.51.100.1"), False),
        ("192.0.2.128/26", arp("192.0.2.130", "192.0.2.1"), True),
        ("192.0.2.128/26", ipv6("2001:db8::1", "2001:db8::2"), False),
        ("2001:db8:2::/64", ipv6("2001:db8:2::9", "2001:db8:1::1"), True),
        ("2001:db8:2::/64", ipv6("2001:db8:1::1", "2001:db8:3::1"), False),
        ("0.0.0.0/0", ipv4("192.0.2.127", "198.51.100.1"), True),
        ("192.0.2.0/24", b"", False),
        ("192.0.2.0/24", ipv4("192.0.2.1", "192.0.2.2")[:28], False),
    ],
)
def test_a_network_matches_source_or_destination(network, frame, expected):
    assert expected == VlanRule(1, network=network).matches(frame)


def test_a_mac_matches_either_end_and_nothing_else():
    frame = ipv4("192.0.2.1", "192.0.2.2")
    assert VlanRule(1, mac="02:00:00:00:00:01").matches(frame)
    assert VlanRule(1, mac="02:00:00:00:00:02").matches(frame)
    assert not VlanRule(1, mac="02:00:00:00:00:03").matches(frame)


def test_the_first_rule_that_matches_counts_and_others_stay_untagged():
    rules = (VlanRule(10, network="192.0.2.0/24"), VlanRule(20, network="198.51.100.0/24"))
    ids = [
        [tag.id for tag in getattr(dpkt.ethernet.Ethernet(carried(frame, rules)), "vlan_tags", [])]
        for frame in (
            ipv4("192.0.2.1", "198.51.100.1"),
            ipv4("203.0.113.1", "198.51.100.1"),
            ipv4("10.0.0.1", "10.0.0.2"),
        )
    ]
    assert ids == [[10], [20], []]


@pytest.mark.parametrize("wrong", [{"vlan_id": 4096}, {"vlan_id": 1, "outer_id": -1}, {"vlan_id": 1, "mac": "02:00"}])
def test_impossible_rules_are_refused(wrong):
    with pytest.raises(ValueError, match=r"VLAN|MAC"):
        VlanRule(**wrong)
