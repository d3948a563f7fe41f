"""`trafmon one-way` on the recorded demo, packet by packet, on every flow."""

import pytest

from tests.oracles import one_way_contents, one_way_link, tshark
from tests.oracles.demo_link import DEMO, SIDES
from tests.oracles.one_way_packets import difference

CAPTURES = [DEMO / f"{side}.pcap" for side in SIDES]
MAX_TRANSIT_NS = 2 * 10**9


@pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)
def test_both_truths_agree():
    """What the emulator logged, and what full contents tell: the same packets, times, losses and copies."""
    by_contents, copies = one_way_contents.followed(*CAPTURES, MAX_TRANSIT_NS)
    assert ([], []) == difference(one_way_link.followed(), by_contents)
    assert one_way_link.duplicated() == copies > 0
