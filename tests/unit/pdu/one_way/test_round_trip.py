"""Packer and decoder of one-way observations: what comes out is what went in, in the octets there are."""

import numpy as np
import pytest

from tests.unit.pdu.one_way.make import FORM, MS, SECOND, START, US, matrix, row, told, traffic
from tmon_common.observations import ABSENT, ONE_WAY_OBSERVATION
from tmon_common.pdu.error import PduError
from tmon_common.pdu.one_way import RESOLUTIONS_NS, SIGNATURE_OCTETS, Form, OneWayPacker, OneWayRows, decode
from tmon_common.pdu.one_way.packer import in_order

NOTHING = matrix([])


def payloads(words, form=FORM, max_octets=1300, watermark=ABSENT, ended=False):
    """Payloads of all rows; each fits."""
    words, packer, start, made = in_order(words), OneWayPacker(form), 0, []
    while start < len(words):
        packed = packer.pack(words, start, max_octets, len(made), watermark, ended=ended)
        assert packed.rows
        assert len(packed.octets) <= max_octets
        start += packed.rows
        made.append(packed.octets)
    return made


def blocks(words, form=FORM, **options):
    return [decode(octets, 0, len(octets)) for octets in payloads(words, form, **options)]


def union(decoded):
    return sorted(r for block in decoded for r in block.words.tolist())


@pytest.mark.parametrize("octets", SIGNATURE_OCTETS)
@pytest.mark.parametrize("resolution", RESOLUTIONS_NS)
@pytest.mark.parametrize("sizes", [True, False])
def test_every_form(octets, resolution, sizes):
    form = Form("é", octets, resolution, sizes)
    words = traffic(900, flows=7)
    decoded = blocks(words, form, max_octets=500)
    assert told(words, form) == union(decoded)
    assert {form} == {block.form for block in decoded}
    assert list(range(len(decoded))) == [block.sequence for block in decoded]


@pytest.mark.parametrize("rows", [
    [row()],
    [row(), row()],
    [row(octets=0), row(octets=65_535), row()],
    [row(flow=0), row(flow=2**62 - 1, point=255)],
    [row(point=n) for n in range(1, 256)],
    [row(time=START + n) for n in range(5)],
    [row(time=-1), row(time=0), row(time=-(2**61)), row(time=2**61)],
    [row(last=START + 5 * MS), row(), row(last=START)],
    [row(last=START - 3)],
    [row(extras=(START - MS, ABSENT, START + SECOND)), row(extras=(ABSENT, START)), row(extras=(0, 2**61, -(2**61), -1))],
    [row(extras=(START - n * MS,), time=START + n * US) for n in range(100)],
    [row(octets=o, signature=o) for o in range(200)],
    [row(octets=2**31 - 2), row(octets=7)],
    [row(time=START + 10**n) for n in range(18)],
], ids=range(14))
def test_corners(rows):
    words = matrix(rows)
    for form in (FORM, Form("x", 4, 1, sizes=True), Form("x", 2, MS, sizes=False)):
        assert told(words, form) == union(blocks(words, form, max_octets=120))


def test_nothing_but_a_watermark():
    octets = OneWayPacker(FORM).pack(NOTHING, 0, 60, 300, START + 1500, ended=True).octets
    block = decode(octets, 0, len(octets))
    assert (FORM, 300, START + 1000, True, 0) == (block.form, block.sequence, block.watermark_ns, block.ended, len(block.words))
    octets = OneWayPacker(FORM).pack(NOTHING, 0, 60, 0, ABSENT).octets
    assert decode(octets, 0, len(octets)).watermark_ns == ABSENT


def test_a_watermark_promises_no_more_than_is_told():
    """Each payload's watermark is below all that comes later; the last one's is the one given."""
    words = traffic(2000, flows=20)
    watermark = int(words[:, 3].max()) + SECOND
    decoded = blocks(words, watermark=watermark, ended=True)
    assert len(decoded) > 5
    for n, block in enumerate(decoded[:-1]):
        later = min(int(b.words[:, 3].min()) for b in decoded[n + 1:])
        assert later == block.watermark_ns
        assert not block.ended
    assert (watermark // US * US, True) == (decoded[-1].watermark_ns, decoded[-1].ended)


def test_a_watermark_in_the_past_stays():
    decoded = blocks(traffic(2000), watermark=START - SECOND)
    assert {START - SECOND} == {block.watermark_ns for block in decoded}


def test_octets_of_an_observation():
    """24 bits, microseconds, 1,000 packets a second: below five octets; below 5.5 with sizes of two kinds."""
    words = traffic(20_000)
    for sizes, most in ((False, 4.7), (True, 4.85)):
        made = payloads(words, Form("links", 3, US, sizes), max_octets=1349)
        assert sum(map(len, made)) / len(words) < most


def test_payloads_are_full():
    """One row more would not have fitted: of each payload but the last, at most what a row takes is left."""
    for flows in (1, 50):
        made = payloads(traffic(5000, flows=flows))
        assert all(len(octets) > 1300 - 24 for octets in made[:-1])


def test_a_row_that_fits_in_no_payload():
    packed = OneWayPacker(FORM).pack(matrix([row()]), 0, 20, 0, ABSENT)
    assert (b"", 0) == (packed.octets, packed.rows)


@pytest.mark.parametrize(("octets", "resolution"), [(5, 1), (1, 1), (4, 2), (4, 10**7), (4, 0)])
def test_forms_that_cannot_be_told(octets, resolution):
    with pytest.raises(ValueError, match="links"):
        Form("links", octets, resolution, sizes=True)


def test_rows_know_their_form():
    rows = OneWayRows.of(FORM, traffic(3), START, ended=True)
    assert (3, ONE_WAY_OBSERVATION, FORM, START, True) == (len(rows), rows.kind, rows.form, rows.watermark_ns, rows.ended)
    assert np.array_equal(traffic(3), rows.words)


def test_rows_that_the_header_promised():
    octets = payloads(traffic(50))[0]
    assert len(decode(octets, 0, len(octets), 50).words) == 50
    for rows in (0, 49, 51, 5000):
        with pytest.raises(PduError, match="rows"):
            decode(octets, 0, len(octets), rows)
