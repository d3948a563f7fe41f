"""The kernel that cuts lines against the parsers of the engine; sessions read by both against those read by the engine alone."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.property.test_ftp import _SCRIPT
from tests.unit.child.ftp.test_cutting import CLIENTS, SERVERS, cut, watched
from tests.unit.child.ftp.wire import FIN, RST, SYN, Segment, Wire
from tmon_probe.child.ftp.commands import Command, parse_command
from tmon_probe.child.ftp.cutting import COMMAND, MORE, OURS, SEGMENT
from tmon_probe.child.ftp.lines import MAX_LINE, Lines
from tmon_probe.child.ftp.replies import reply_code
from tmon_probe.child.ftp.text import text_of
from tmon_probe.child.ftp.verbs import HAS_ARGUMENT, VERBS

_words = st.sampled_from([*(verb.encode() for verb in VERBS), b"retr", b"Stor", b"PASSWORDS", b"230", b"220-", b"150", b"22",
                          b"999"])
_parts = st.one_of(_words, st.sampled_from([b" ", b" ", b"\r", b"-", b"x"]), st.binary(max_size=4))
_plain = st.lists(_parts, max_size=6).map(b"".join)
_texts = st.lists(_plain, min_size=1, max_size=6).map(lambda lines: b"\n".join(lines) + b"\n")


def _lines_of(octets: bytes, starts=bool) -> list[bytes]:
    return Lines(starts).feed(octets)


def _is_plain(octets: bytes, *, client: bool) -> bool:
    """As the kernel reads them: no Telnet, no tabs and leading blanks of clients, no endless lines."""
    parts = octets.split(b"\n")[:-1]
    odd = b"\xff" in octets or (client and (b"\t" in octets or any(part.startswith(b" ") for part in parts)))
    return not odd and all(len(part) <= MAX_LINE for part in parts)


@given(_texts)
def test_commands_are_those_of_the_parser(octets):
    """The same verb and argument for every line, nothing of arguments that are not to be read; odd lines are left alone."""
    found = cut(watched(), Segment(CLIENTS, 100, octets), room=4000)
    if not _is_plain(octets, client=True):
        assert [(SEGMENT, 0)] == found
        return
    assert {COMMAND} == {kind for kind, *_ in found}
    assert [parse_command(line) for line in _lines_of(octets)] == [
        Command(VERBS[verb], text_of(text[0]) if text else "") for _, verb, *text in found]
    assert all(HAS_ARGUMENT[verb] for _, verb, *text in found if text)


@given(_texts)
def test_replies_are_those_of_the_parser(octets):
    """The same code, sign of further lines and text for every line."""
    found = cut(watched(), Segment(SERVERS, 500, octets), room=4000)
    if not _is_plain(octets, client=False):
        assert [(SEGMENT, 1)] == found
        return
    expected = [(reply_code(line), bool(reply_code(line)) and line[3:4] == b"-", line[4:]) for line in _lines_of(octets)]
    assert expected == [(value % MORE, value >= MORE, text[0] if text else b"") for _, value, *text in found]


_scripts = st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from([
    *_SCRIPT, b"AUTH TLS", b"234 go", b"EPSV", b"229 (|||4444|)", b"250 ok", b"CWD x", b"\xff\xf4ABOR", b" NOOP", b"RETR\ty",
    b"REST 7", b"350 ok", b"\xff\xfb\x01"]), min_size=1, max_size=3).map(lambda lines: b"\r\n".join(lines) + b"\r\n")), max_size=12)


@st.composite
def exchanges(draw) -> list[list[Segment]]:
    """Batches of segments of both sides: cut, some lost, repeated, swapped, cut short, acknowledged or not."""
    numbers, segments = [draw(st.sampled_from([0, 1000, 2**32 - 1, 2**32 - 20])) for _ in range(2)], []
    if draw(st.booleans()):
        segments = [Segment(bool(side), numbers[side] - 1, flags=SYN) for side in (0, 1)]
    for from_server, octets in draw(_scripts):
        cuts = sorted(draw(st.sets(st.integers(1, len(octets)), max_size=2)) | {0, len(octets)})
        for a, b in pairwise(cuts):
            ack = numbers[not from_server] if draw(st.booleans()) else None
            flags = draw(st.sampled_from([0] * 12 + [FIN, RST]))
            captured = draw(st.sampled_from([1 << 16] * 12 + [0, 2]))
            segments.append(Segment(from_server, numbers[from_server] + a, octets[a:b], ack, flags, captured))
        numbers[from_server] += len(octets)
    for _ in range(draw(st.integers(0, 6)) if segments else 0):
        i = draw(st.integers(0, len(segments) - 1))
        match draw(st.sampled_from(["lose", "repeat", "swap", "extend"])):
            case "lose" if len(segments) > 1:
                del segments[i]
            case "repeat":
                segments.insert(draw(st.integers(i, len(segments))), segments[i])
            case "swap":
                segments.insert(min(i + draw(st.integers(1, 3)), len(segments)), segments[i])
                del segments[i]
            case "extend" if i + 1 < len(segments) and segments[i].from_server == segments[i + 1].from_server:
                merged = segments[i].octets + segments[i + 1].octets
                segments.insert(i + 1, segments[i]._replace(octets=merged, captured=1 << 16))
    ends = sorted(draw(st.sets(st.integers(1, max(len(segments), 1)), max_size=4)) | {0, len(segments)})
    return [batch for a, b in pairwise(ends) if (batch := segments[a:b])]


def _seen(wire: Wire) -> tuple:
    wire.engine.finish()
    session = wire.control.session
    return (wire.counts, wire.engine.counters(), session.user, session.type, session.directory, session.encrypted, session.quit,
            [(t.command, t.path, t.outcome, t.reply_code, t.restart.offset, t.announced_octets, t.client_left, t.abor,
              t.expectation and t.expectation.announced) for t in wire.transfers])


@given(exchanges())
def test_a_session_is_the_same_whoever_reads_it(batches):
    """With the kernel, in any batches, as by the engine alone, segment by segment."""
    together, alone = Wire(), Wire(by_kernel=False)
    for batch in batches:
        together.read(*batch)
        for segment in batch:
            alone.read(segment)
            alone.control.lent[:] = [False, False]
            alone.reader._watched["state"][:] = 2
    if batches:
        assert _seen(alone) == _seen(together)


@given(exchanges())
def test_batches_do_not_matter(batches):
    """All segments in one batch, or each in one of its own."""
    together, apart = Wire(), Wire()
    segments = [segment for batch in batches for segment in batch]
    if segments:
        together.read(*segments)
        for segment in segments:
            apart.read(segment)
        assert _seen(apart) == _seen(together)


def test_the_kernel_reads_what_is_in_order():
    """The twin above is no twin of itself: of a common dialogue no segment is left to the engine."""
    wire = Wire().read(Segment(CLIENTS, 99, flags=SYN), Segment(SERVERS, 499, flags=SYN), Segment(SERVERS, 500, b"220 a\r\n"),
                       Segment(CLIENTS, 100, b"USER a\r\n"), Segment(SERVERS, 507, b"331 b\r\n"))
    assert not wire.control.read_by_segments
    assert [OURS, OURS] == wire.reader._watched["state"][5].tolist()
