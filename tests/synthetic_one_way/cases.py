"""The networks that tests measure, each for its own difficulty."""

from tests.synthetic_one_way.network import MS, SECOND, Flow, Hop, Network, Segment

CLIENT, SERVER = "192.0.2.10", "198.51.100.20"
CLIENT6, SERVER6 = "2001:db8:1::10", "2001:db8:2::20"

THREE_HOPS = Network(
    "three hops: jitter, loss in bursts, duplicates, reordering, clocks apart, packets that repeat", seed=6,
    hops=(Hop("west"), Hop("mid", clock_ns=3 * MS), Hop("east", clock_ns=-2 * MS)),
    segments=(Segment(8 * MS, jitter_ns=MS, loss=0.02, burst=3, duplicate=0.01, held=0.01),
              Segment(250 * MS, jitter_ns=2 * MS, loss=0.03, burst=5, duplicate=0.01, held=0.02, held_ns=9 * MS)),
    flows=(
        Flow(CLIENT, SERVER, "udp", 5000, 53, count=600),
        Flow(SERVER, CLIENT, "udp", 53, 5000, count=600, back=True),
        Flow(CLIENT, SERVER, "tcp", 5001, 80, count=400, gap_ns=3 * MS),
        Flow(SERVER, CLIENT, "tcp", 80, 5001, count=800, gap_ns=2 * MS, octets=1200, back=True),
        Flow(CLIENT6, SERVER6, "tcp", 5002, 443, count=300, gap_ns=25 * MS, equal=3, octets=40),
        Flow(SERVER6, CLIENT6, "icmpv6", count=150, gap_ns=30 * MS, back=True),
        Flow(CLIENT, SERVER, "icmp", count=150, gap_ns=30 * MS),
    ))

FLAPPING = Network(
    "alternative points of the middle hop; recordings that overlook packets; a flow that never left its source", seed=7,
    hops=(Hop("a", overlooked=0.01), Hop("b", points=2, flap_ns=700 * MS, overlooked=0.02), Hop("c")),
    segments=(Segment(5 * MS, jitter_ns=300_000, loss=0.02), Segment(12 * MS, jitter_ns=300_000, loss=0.02)),
    flows=(
        Flow(CLIENT, SERVER, "udp", 6000, 7000, count=800, gap_ns=4 * MS),
        Flow(SERVER, CLIENT, "udp", 7000, 6000, count=800, gap_ns=4 * MS, back=True),
        Flow("192.0.2.99", SERVER, "udp", 6001, 7000, count=100, gap_ns=20 * MS, enters=1),
    ))

TRANSLATED = Network(
    "addresses, ports and identifications translated in the middle", seed=8,
    hops=(Hop("inside"), Hop("outside", clock_ns=40 * MS)),
    segments=(Segment(10 * MS, jitter_ns=MS, loss=0.03, duplicate=0.01, nat=True),),
    flows=(
        Flow(CLIENT, SERVER, "udp", 5000, 53, count=500),
        Flow("192.0.2.11", SERVER, "udp", 5000, 53, count=500),
        Flow(SERVER, CLIENT, "udp", 53, 5000, count=500, back=True),
        Flow(CLIENT, SERVER, "tcp", 5001, 80, count=500, gap_ns=3 * MS),
        Flow(SERVER, CLIENT, "tcp", 80, 5001, count=500, gap_ns=3 * MS, octets=900, back=True),
    ))

CUT_ON_THE_WAY = Network(
    "datagrams cut into fragments in the middle, some of which are lost or overtaken", seed=9, per="datagram",
    hops=(Hop("west"), Hop("mid"), Hop("east")),
    segments=(Segment(5 * MS, jitter_ns=200_000, loss=0.01), Segment(20 * MS, jitter_ns=200_000, loss=0.01, held=0.02, mtu=576)),
    flows=(
        Flow(CLIENT, SERVER, "udp", 5000, 9, count=400, octets=1800, cut=1500),
        Flow(CLIENT, SERVER, "udp", 5001, 9, count=400, octets=900),
        Flow(SERVER, CLIENT, "udp", 9, 5001, count=200, octets=400, back=True),
    ))

CUT_BY_SENDERS = Network(
    "fragments followed one by one, the first ones of some datagrams lost", seed=10,
    hops=(Hop("west"), Hop("east")),
    segments=(Segment(30 * MS, jitter_ns=200_000, loss=0.05),),
    flows=(
        Flow(CLIENT, SERVER, "udp", 5000, 9, count=300, octets=3500, cut=1500, gap_ns=5 * MS),
        Flow(SERVER, CLIENT, "udp", 9, 5000, count=300, octets=200, back=True),
    ))

ALL = {"three_hops": THREE_HOPS, "flapping": FLAPPING, "translated": TRANSLATED, "cut_on_the_way": CUT_ON_THE_WAY,
       "cut_by_senders": CUT_BY_SENDERS}
LONG_NS = 2 * SECOND
"""More than any packet takes in them."""
