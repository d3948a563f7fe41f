"""What two recordings have in common, of recordings whose difference is known."""

import random

import pytest

from tests.synthetic_one_way.network import MS, SECOND, Flow
from tests.synthetic_one_way.packets import Translator, fragments, packets_of, pcap_header, pcap_record
from tmon_probe.father.capture.sample import sample
from trafmon.likeness import advice, clocks_ahead, compare, round_offset

HOUR, WINDOW = 3600 * SECOND, 2 * SECOND
FLOWS = (Flow("10.0.0.1", "192.0.2.9", "udp", 1000, 2000, count=300, octets=900),
         Flow("192.0.2.9", "10.0.0.2", "tcp", 80, 1000, count=100, octets=300))


@pytest.fixture
def traffic(tmp_path):
    """Gives samples of what is recorded at a place: traffic(how far its clock is ahead, what is done with the list of packets)."""
    rng = random.Random(6)
    made = [p for flow in FLOWS for p in packets_of(flow, rng)]
    count = iter(range(100))

    def recorded(ahead_ns=0, change=lambda packets: packets, octets=65535):
        path = tmp_path / f"{next(count)}.pcap"
        records = [pcap_record(1_700_000_000 * SECOND + ahead_ns + n * MS, p) for n, p in enumerate(change(list(made)))]
        path.write_bytes(pcap_header() + b"".join(
            r[:8] + min(len(r) - 16, octets).to_bytes(4, "little") + r[12 : 16 + octets] for r in records))
        return sample(path)

    return recorded


def said(*samples, nat=False, datagrams=False, octets=65535):
    return advice("abcdefgh"[: len(samples)], samples, WINDOW, nat=nat, datagrams=datagrams, octets=octets)


@pytest.mark.parametrize(("offset_ns", "rounded_ns"), [
    (0, 0), (400 * MS, 0), (-400 * MS, 0), (HOUR + 10 * MS, HOUR), (-HOUR - 300 * MS, -HOUR), (3 * SECOND + 10 * MS, 3 * SECOND),
    (-1700 * MS, -2 * SECOND), (HOUR + 700 * MS, HOUR + SECOND)])
def test_clocks_are_corrected_by_round_numbers(offset_ns, rounded_ns):
    assert rounded_ns == round_offset(offset_ns, WINDOW)


def test_short_window():
    """A second would be too coarse, a millisecond is not."""
    assert 1_237 * MS == round_offset(1_237 * MS + 400_000, 2 * MS)


@pytest.mark.parametrize("ahead_ns", [0, 200 * MS, -3 * SECOND, HOUR, -2 * 365 * 24 * HOUR])
def test_offset_of_clocks(traffic, ahead_ns):
    """Found whatever it is; told when it is more than packets may take."""
    here, there = traffic(), traffic(ahead_ns)
    like = compare(here, there, WINDOW)
    assert (400, ahead_ns, 0, 0) == (like.pairs, like.ahead_ns, like.translated, like.altered)
    assert bool(said(here, there)) == (abs(ahead_ns) > SECOND)


def test_lost_packets_are_no_difference(traffic):
    like = compare(traffic(), traffic(0, lambda packets: [p for n, p in enumerate(packets) if n % 10]), WINDOW)
    assert 360 == like.pairs
    assert [] == said(traffic(), traffic(0, lambda packets: packets[:-40]))


def test_several_clocks(traffic):
    """The third has packets in common with the second only, such as alternatives have; the fourth with none."""
    third = traffic(HOUR - 5 * SECOND, lambda packets: packets[200:])  # at once, that is, 200 ms before the others saw these
    samples = [traffic(0, lambda packets: packets[:200]), traffic(HOUR), third, traffic(0, lambda _: [])]
    assert [0, HOUR, HOUR - 5 * SECOND, None] == clocks_ahead(samples, WINDOW)


def test_advice_on_translation(traffic):
    translator = Translator()
    there = traffic(0, lambda packets: [translator.out(p) for p in packets])
    assert ["addresses, ports or checksums are not the same in a and b: give --nat"] == said(traffic(), there)
    assert [] == said(traffic(), there, nat=True)


def test_advice_on_snap_lengths(traffic):
    """Told what to give; silent when that was given, and when all is there."""
    there = traffic(octets=96)
    assert ["only the beginnings of packets are in b: give --octets 62"] == said(traffic(), there)
    assert ["only the beginnings of packets are in a: give --octets 62"] == said(there, traffic())
    assert [] == said(traffic(), there, octets=62)
    assert [] == said(there, traffic(octets=96)), "the same is missing in both"


def test_advice_on_contents(traffic):
    def rewritten(packets):
        return [p[:-1] + bytes([p[-1] ^ 1]) for p in packets]

    (sentence,) = said(traffic(), traffic(0, rewritten))
    assert sentence.startswith("packets have other contents in a and b: ")


def test_advice_on_fragments(traffic):
    there = traffic(0, lambda packets: [f for p in packets for f in fragments(p, 576)])
    assert ["b has more fragments than a: give --per datagram"] == said(traffic(), there)
    assert [] == said(traffic(), there, datagrams=True)


def test_advice_on_strangers(traffic):
    """Nothing in common: of when they are; and one that is empty."""
    here, empty = traffic(), traffic(0, lambda _: [])
    other = traffic(HOUR, lambda _: list(packets_of(Flow("10.0.0.7", "10.0.0.8", "udp", 5, 6, count=10), random.Random(9))))
    assert ["b has no IP packet, or none that passes the filter"] == said(here, empty)
    (sentence,) = said(here, other)
    assert sentence.startswith("a and b have no packet in common; a is of 2023-11-14 22:13:20 to 22:13:20 UTC, b of 2023-11-14 23:")
