"""Samples of recordings: two of the same traffic give the same packets, whatever happened to them on the way."""

import random

import numpy as np
import pytest

from tests.synthetic_one_way.network import Flow
from tests.synthetic_one_way.packets import ETHERNET, Translator, forwarded, fragments, packets_of, pcap_header, pcap_record
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.sample import sample
from tmon_probe.father.signature.pick import CUT, FIRST, FRAGMENTS, KEPT, LAST, LOOSE, SEEN, WHOLE

FLOWS = (Flow("10.0.0.1", "192.0.2.9", "udp", 1000, 2000, count=200, octets=900),
         Flow("10.0.0.1", "192.0.2.9", "tcp", 1000, 80, count=200, octets=300),
         Flow("2001:db8::1", "2001:db8::2", "icmpv6", count=200, octets=200))
START_NS = 1_700_000_000_000_000_000


def packets() -> list[bytes]:
    rng = random.Random(4)
    return [p for flow in FLOWS for p in packets_of(flow, rng)]


def recording(path, made, begin_ns=START_NS):
    """One packet every ms."""
    path.write_bytes(pcap_header() + b"".join(pcap_record(begin_ns + n * 10**6, p) for n, p in enumerate(made)))
    return path


def test_what_networks_change_does_not_change_the_choice(tmp_path):
    """Hop limits, order, time; translated addresses and ports change only the signatures that count them."""
    made = packets()
    here = sample(recording(tmp_path / "here.pcap", made))
    there = sample(recording(tmp_path / "there.pcap", [forwarded(p) for p in reversed(made)], 0))
    assert 600 == len(here.thinned(0)) == here.tally[SEEN]
    assert np.array_equal(here.thinned(0)[:, : WHOLE + 1], there.thinned(0)[:, : WHOLE + 1])
    translator = Translator()
    behind = sample(recording(tmp_path / "behind.pcap", [translator.out(p) if p[0] >> 4 == 4 else p for p in made]))
    assert np.array_equal(here.thinned(0)[:, LOOSE], behind.thinned(0)[:, LOOSE])
    assert 200 == (here.thinned(0)[:, WHOLE] == behind.thinned(0)[:, WHOLE]).sum(), "those of IPv6, which were not translated"


def test_tally(tmp_path):
    """Times in any order; fragments behind the first; packets of which not all is there, and the least that is."""
    made = packets()[:400]
    whole = recording(tmp_path / "whole.pcap", made)
    assert [400, 0, 0, START_NS, START_NS + 399 * 10**6] == [sample(whole).tally[i] for i in (SEEN, FRAGMENTS, CUT, FIRST, LAST)]
    pieces = [f for p in made for f in fragments(p, 576)]
    assert len(pieces) - 400 == sample(recording(tmp_path / "pieces.pcap", pieces)).tally[FRAGMENTS] > 0
    snapped = bytearray(pcap_header())
    for n, p in enumerate(made):
        record = bytearray(pcap_record(START_NS + n * 10**6, p))[: 16 + 96]
        record[8:12] = (len(record) - 16).to_bytes(4, "little")
        snapped += record
    (tmp_path / "snapped.pcap").write_bytes(snapped)
    found = sample(tmp_path / "snapped.pcap").tally
    assert [sum(len(p) + 14 > 96 for p in made), 96 - 14 - 20] == [found[CUT], found[KEPT]]


def test_long_recordings_are_thinned_alike(tmp_path):
    """Beyond the most that is kept, what is kept depends on contents only; thinned to the same mask, both have the same packets."""
    made = packets()
    few, more = (sample(recording(tmp_path / f"{most}.pcap", made), most=most) for most in (50, 300))
    assert len(few.picked) <= 50 < len(more.picked) <= 300
    assert more.mask < few.mask
    assert np.array_equal(few.thinned(few.mask), more.thinned(few.mask))


def test_what_looks_the_same_twice_is_left_out(tmp_path):
    made = packets()[:10]
    assert 9 == len(sample(recording(tmp_path / "twice.pcap", [*made, made[3]])).thinned(0))


def test_filter_and_what_is_no_packet(tmp_path):
    """What the filter leaves out is not there; frames that are cut or of something else neither."""
    path = recording(tmp_path / "x.pcap", packets())
    assert 200 == sample(path, "tcp").tally[SEEN]
    frames = [ETHERNET[4] + b"\x45" + bytes(10), ETHERNET[4] + b"\x44" + bytes(30), ETHERNET[4] + b"\x4f" + bytes(30),
              ETHERNET[6] + b"\x60" + bytes(30), ETHERNET[4] + b"\x60" + bytes(50), bytes(12) + b"\x08\x06" + bytes(28)]
    path.write_bytes(pcap_header() + b"".join(
        (0).to_bytes(8, "little") + len(f).to_bytes(4, "little") * 2 + f for f in frames))
    assert 0 == sample(path).tally[SEEN]
    path.write_bytes(b"no recording at all")
    with pytest.raises(CaptureError):
        sample(path)
