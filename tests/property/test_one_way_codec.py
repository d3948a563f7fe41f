"""The code of one-way observations on any rows: all come out, rounded as told, in payloads that a slow reader reads alike."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.pdu.one_way import twin
from tests.unit.pdu.one_way.make import START, matrix, row, told
from tmon_common.observations import ABSENT
from tmon_common.pdu.one_way import RESOLUTIONS_NS, SIGNATURE_OCTETS, Form, OneWayPacker, decode
from tmon_common.pdu.one_way.layout import MAX_FLOW, MAX_SIZE, SOUND_NS
from tmon_common.pdu.one_way.packer import in_order, sound

TIMES = st.integers(START, START + 10**10) | st.integers(1 - SOUND_NS, SOUND_NS - 1) | st.sampled_from([START, 0, -1])
MAYBE = st.just(ABSENT) | TIMES
ROWS = st.builds(row, flow=st.integers(1, 4) | st.integers(0, MAX_FLOW), point=st.integers(1, 3) | st.integers(1, 255),
                 signature=st.integers(0, 2**63 - 1), time=TIMES,
                 octets=st.sampled_from([ABSENT, 40, 1500]) | st.integers(0, 1500) | st.integers(0, MAX_SIZE), last=MAYBE,
                 extras=st.tuples(MAYBE, MAYBE, MAYBE, MAYBE) | st.just(()))
FORMS = st.builds(Form, st.sampled_from(["a", "ï" * 30]), st.sampled_from(SIGNATURE_OCTETS), st.sampled_from(RESOLUTIONS_NS),
                  st.booleans())


@settings(deadline=None, max_examples=300)
@given(st.lists(ROWS, max_size=80), FORMS, st.integers(240, 2000), st.none() | TIMES, st.booleans())
@example([row(time=1 - SOUND_NS, last=SOUND_NS - 1), row(time=SOUND_NS - 1, last=1 - SOUND_NS)], Form("a", 4, 1, sizes=True), 240,
         None, True)
def test_round_trip(rows, form, max_octets, watermark, ended):
    words = in_order(matrix(rows))
    assert sound(words).all()
    packer, start, blocks = OneWayPacker(form), 0, []
    watermark_ns = ABSENT if watermark is None else watermark
    while start < len(words) or not blocks:
        packed = packer.pack(words, start, max_octets, len(blocks), watermark_ns, ended=ended)
        assert packed.rows or not rows
        assert len(packed.octets) <= max_octets
        start += packed.rows
        block = decode(packed.octets, 0, len(packed.octets), packed.rows)
        expected = twin.decode(packed.octets)
        assert expected[4:7] == (block.sequence, block.watermark_ns, block.ended)
        assert expected[7] == block.words.tolist()
        blocks.append(block)
    assert told(words, form) == sorted(r for block in blocks for r in block.words.tolist())
    assert [False] * (len(blocks) - 1) + [ended] == [block.ended for block in blocks]
    for n, block in enumerate(blocks):
        rest = [r[3] for later in blocks[n + 1:] for r in later.words.tolist()]
        if watermark is None:
            assert block.watermark_ns == ABSENT
        else:
            assert block.watermark_ns == min([watermark // form.resolution_ns * form.resolution_ns, *rest])
