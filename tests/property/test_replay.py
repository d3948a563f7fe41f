"""Generated capture files, whole, cut and damaged: what the slow readers find, and never an exception after the start."""

import gzip
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.capture_files import MICRO, NANO, PcapngWriter, read_pcap, read_pcapng, write_pcap
from tests.pipeline_in_process import frames_from
from tests.unit.father.test_formats import assert_found
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.replay import Replay

octets = st.binary(max_size=50)
orders = st.sampled_from("<>")
word32 = st.integers(0, 0xFFFFFFFF)
options = st.lists(st.tuples(st.sampled_from((1, 2, 3, 11, 12, 2988)), octets), max_size=3)
resolutions = st.sampled_from((None, 0, 3, 6, 7, 9, 12, 0x80, 0x8A, 0x94, 0x9E, 0x9F, 0xA0, 0xA8, 0xBE))


@st.composite
def pcaps(draw) -> bytes:
    magic = draw(st.sampled_from((MICRO, NANO)))
    packet = st.tuples(word32, st.integers(0, 999_999), octets, st.integers(0, 70_000))
    return write_pcap(draw(st.lists(packet, max_size=8)), draw(orders), magic, draw(st.sampled_from((0, 1, 101, 113, 276))))


@st.composite
def pcapngs(draw) -> bytes:
    writer = PcapngWriter()
    for _ in range(draw(st.integers(1, 3))):
        writer.section(draw(orders), draw(options))
        interfaces = 0
        for _ in range(draw(st.integers(0, 10))):
            kind = draw(st.sampled_from(("interface", "enhanced", "enhanced", "old", "simple", "unknown")))
            if kind == "interface" or (not interfaces and kind != "unknown"):
                interfaces += 1
                link_type, offset = draw(st.sampled_from((1, 113, 101))), draw(st.sampled_from((None, 0, 3600, -3600)))
                writer.interface(link_type, draw(resolutions), offset, draw(st.sampled_from((0, 10, 65535))), draw(options))
            elif kind == "enhanced":
                writer.enhanced(draw(st.integers(0, interfaces - 1)), draw(st.integers(0, 2**30)), draw(octets),
                                draw(st.integers(0, 70_000)), draw(options))
            elif kind == "old":
                writer.old_packet(draw(st.integers(0, interfaces - 1)), draw(st.integers(0, 2**30)), draw(octets),
                                  draw(st.integers(0, 70_000)))
            elif kind == "simple":
                writer.simple(data := draw(octets), len(data) + draw(st.sampled_from((0, 0, 100))))
            else:
                writer.block(draw(st.sampled_from((4, 5, 9, 0xBAD, 0x80000001))), draw(octets))
    return writer.file


def replayed(file: bytes) -> tuple[list, list[str]]:
    with tempfile.NamedTemporaryFile(suffix=".capture") as stream:
        stream.write(file)
        stream.flush()
        source = Replay((Path(stream.name),))
        found = frames_from(source), source.warnings()
        source.close()
    return found


@settings(max_examples=150)
@given(pcaps(), st.booleans())
def test_pcap(file, packed):
    frames, warnings = replayed(gzip.compress(file) if packed else file)
    assert_found(read_pcap(file), frames)
    assert [] == warnings


@settings(max_examples=300)
@given(pcapngs(), st.booleans())
def test_pcapng(file, packed):
    frames, warnings = replayed(gzip.compress(file) if packed else file)
    assert_found(read_pcapng(file), frames)
    assert [] == warnings


@settings(max_examples=150)
@given(st.one_of(pcaps(), pcapngs()), st.data())
def test_cut(file, data):
    """All packets before the cut; at most one warning."""
    file = file[: data.draw(st.integers(24, len(file)))]
    frames, warnings = replayed(file)
    assert_found((read_pcapng if file[0] == 0x0A else read_pcap)(file), frames)
    assert len(warnings) <= 1


@settings(max_examples=300)
@given(st.one_of(pcaps(), pcapngs()), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6),
       st.booleans())
def test_damaged(file, changes, packed):
    """Octets changed anywhere, before or after packing: packets of sane size or a refusal, never another error."""
    file = bytearray(gzip.compress(file) if packed else file)
    for at, value in changes:
        file[at % len(file)] = value
    try:
        frames, _ = replayed(bytes(file))
    except CaptureError:
        return
    for frame in frames:
        assert len(frame.octets) <= frame.wire
