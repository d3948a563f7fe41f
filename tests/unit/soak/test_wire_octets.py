"""What the ledger takes a packet, a datagram in fragments, a connection to weigh, against dpkt's reading and the standards."""

import socket

import dpkt
import pytest

from tests.soak.kernel_account import ip_octets
from tests.soak.ledger import BOTH, EAST, UDP, WEST, Flow, Ledger
from tests.soak.topology import MARK, OFFICE4, OFFICE6, SERVERS4, SERVERS6
from tests.soak.traffic.datagrams import tell
from tests.soak.traffic.names import query
from tests.soak.traffic.streams import datagram

FLOW = Flow(UDP, OFFICE4, SERVERS4, 20_000, 7_000)


@pytest.mark.parametrize("octets", [0, 1, 17, 900])
def test_a_packet_is_what_dpkt_would_make_of_it(octets):
    """Checksum of UDP included; that of IP is the kernel's."""
    payload = bytes(range(256)) * 4
    made = datagram(FLOW, payload[:octets], MARK, 77)
    udp = dpkt.udp.UDP(sport=20_000, dport=7_000, ulen=8 + octets, data=payload[:octets])
    expected = dpkt.ip.IP(src=socket.inet_aton(OFFICE4), dst=socket.inet_aton(SERVERS4), p=UDP, tos=MARK, id=77, ttl=64,
                          len=28 + octets, df=1, data=udp)
    assert made == bytes(expected)[:10] + b"\0\0" + bytes(expected)[12:]


def fragments_of_linux(octets: int, mtu: int, header: int) -> list[int]:
    """Slow and obvious: cut until nothing is left (RFC 791 section 2.3: multiples of 8 octets but for the last one)."""
    found = []
    while octets:
        piece = min(octets, (mtu - header) // 8 * 8)
        found.append(header + piece)
        octets -= piece
    return found


@pytest.mark.parametrize(("family", "address", "header", "cut_header"),
                         [(socket.AF_INET, (OFFICE4, SERVERS4), 20, 20), (socket.AF_INET6, (OFFICE6, SERVERS6), 40, 48)])
@pytest.mark.parametrize("payload", [1, 1_400, 1_452, 1_453, 1_472, 1_473, 2_888, 2_889, 2_952, 2_953, 6_000])
def test_datagrams_weigh_their_headers_and_those_of_their_fragments(family, address, header, cut_header, payload):
    ledger, flow = Ledger(), Flow(UDP, *address, 1, 2)
    tell(ledger, flow, family, payload)
    whole = header + 8 + payload
    expected = [whole] if whole <= 1_500 else fragments_of_linux(8 + payload, 1_500, cut_header)
    for place in BOTH:
        count = ledger.flows[place][flow]
        assert (count.packets, count.octets, count.messages, count.payload) == (len(expected), sum(expected), 1, payload)
        assert count.fragments == (len(expected) if len(expected) > 1 else 0)


def test_a_connection_weighs_its_syn_more_than_the_rest():
    assert ip_octets(socket.AF_INET, 3, 100) == 60 + 52 + 152
    assert ip_octets(socket.AF_INET6, 3, 100) == 80 + 72 + 172


def test_places_are_told_apart():
    ledger = Ledger()
    ledger.passed(FLOW, 100, places=(WEST,))
    ledger.passed(FLOW, 50)
    assert ledger.totals(WEST) == (2, 150)
    assert ledger.totals(EAST) == (1, 50)


def test_a_query_is_what_dpkt_reads():
    read = dpkt.dns.DNS(query(4_711, "www.lab.example", 28))
    assert (read.id, read.rd, read.opcode) == (4_711, 1, 0)
    assert [(q.name, q.type, q.cls) for q in read.qd] == [("www.lab.example", 28, 1)]
