"""The FTP engine against whatever may come: segments in any order, octets of any kind, secrets."""

import logging
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.child.ftp.playbook import CLIENT_ADDR, SERVER_ADDR, Play, end, reachable
from tmon_probe.child.ftp.commands import starts_command
from tmon_probe.child.ftp.lines import Lines
from tmon_probe.child.ftp.rows import rows_of
from tmon_probe.child.ftp.stream import Stream

SECRET = "correct-horse"
_SCRIPT = [line.encode() for line in (
    "USER anna", "PASS x", "TYPE I", "PASV", "RETR a b.txt", "STOR c", "ABOR", "QUIT", "220-hello", "220 ready", "230 in",
    "227 Entering (198,51,100,9,156,64)", "150 go (12 bytes)", "226 done", "426 broken")]


@st.composite
def segments(draw):
    """(first sequence number, octets of lines, segments of them: cut, some twice, in any order near their place)."""
    octets = b"\r\n".join(draw(st.lists(st.sampled_from(_SCRIPT), min_size=1, max_size=12))) + b"\r\n"
    first = draw(st.sampled_from([1, 1000, 2**32 - 1, 2**32 - 40]))
    cuts = sorted(draw(st.sets(st.integers(1, len(octets)), max_size=12)) | {0, len(octets)})
    pieces = list(pairwise(cuts))
    for _ in range(draw(st.integers(0, 6))):  # retransmissions, cut otherwise
        a = draw(st.integers(0, len(octets) - 1))
        pieces.insert(draw(st.integers(0, len(pieces))), (a, draw(st.integers(a + 1, len(octets)))))
    return first, octets, draw(st.permutations(pieces))


@given(segments())
def test_any_segmentation_gives_the_same_lines(drawn):
    """However octets are cut into segments, repeated and reordered, the same lines come out."""
    first, octets, pieces = drawn
    stream, lines, found = Stream(), Lines(starts_command), []
    stream.begin((first - 1) % 2**32)
    for a, b in pieces:
        for piece in stream.add((first + a) % 2**32, octets[a:b], 0):
            found += lines.feed(piece)
    assert octets.split(b"\r\n")[:-1] == found
    assert (0, 0) == (stream.gaps, lines.skipped)


@given(segments(), st.data())
def test_lost_segments_never_make_up_lines(drawn, data):
    """With segments missing, every line that comes out is one of the dialogue, in its order."""
    first, octets, pieces = drawn
    stream, lines, found = Stream(), Lines(starts_command), []
    stream.begin((first - 1) % 2**32)
    sent = octets.split(b"\r\n")[:-1]
    starts = {0, *(n + 2 for n in range(len(octets)) if octets[n : n + 2] == b"\r\n")}
    kept = [p for p in pieces if data.draw(st.booleans()) and p[0] in starts]
    out = [piece for a, b in kept for piece in stream.add((first + a) % 2**32, octets[a:b], 0)] + stream.rest()
    for piece in out:
        found += lines.gap() or [] if piece is None else lines.feed(piece)
    at = 0
    for line in found:
        at = sent.index(line, at) + 1


_octets = st.one_of(
    st.binary(max_size=200),
    st.lists(st.one_of(st.sampled_from([*_SCRIPT, b"\xff\xf4\xff\xf2", b"\xff\xfa", b"\r", b"\n", b"\r\n", b"229 (|||4|)", b"EPSV",
                                        b"REST 9999999999999999999999", b"PORT 1,2,3,4,5,6", b"150", b"AUTH TLS"]),
                       st.binary(max_size=30)), max_size=20).map(b"".join))


_steps = st.tuples(st.booleans(), _octets, st.booleans(), st.sampled_from(["", "open", "end", "hang up", "flush"]))


@given(st.lists(_steps, max_size=30))
def test_nothing_breaks_it(steps):
    """Octets of any kind from both sides, segments lost, connections that come and go: every transfer has its row."""
    play, data = Play(), []
    for from_server, octets, lost, then in steps:
        if not play.control.gone:
            play.send(from_server, octets, lost=lost)
        if then == "open":
            data.append(play.opened(end(CLIENT_ADDR, 40000 + len(data)), end(SERVER_ADDR, 40000)))
        elif then == "end" and data:
            play.ended(data.pop(), (3, 4))
        elif then == "hang up" and not play.control.gone:
            play.hang_up()
        elif then == "flush":
            play.engine.flush(play.tick(6000))
    play.finish()
    rows = rows_of([(1, t) for t in play.transfers])
    assert play.engine.counters()["ftp_transfers"] == len(rows)
    assert (0, 0) == (len(play.engine), play.engine.counters()["ftp_transfers_open"])
    assert {"completed", "aborted", "refused", "connection_lost", "timed_out", "unfinished"} >= {
        rows.strings[i] for i in rows.values["outcome"]}


@given(st.sampled_from(["PASS ", "pass ", "ACCT ", "PASS\t", " PASS  "]), st.integers(0, 40), st.booleans(), st.integers(0, 3))
def test_passwords_are_nowhere(verb, cut, lost, gap):
    """Whatever way a PASS line takes through segments and gaps, its argument is in no row, no state and no log."""
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    logging.getLogger().addHandler(handler)
    try:
        play = Play().say("< 220 ready", "> USER anna", "< 331 password")
        line = f"{verb}{SECRET}\r\n".encode()
        play.send(False, line[:cut], lost=lost and gap == 0)
        play.send(False, line[cut : cut + 3], lost=lost and gap == 1)
        play.send(False, line[cut + 3 :], lost=lost and gap == 2)
        play.say("< 230 in").passive(40001, "RETR a")
        play.finish()
    finally:
        logging.getLogger().removeHandler(handler)
    rows = rows_of([(1, t) for t in play.transfers])
    seen = [*rows.strings, *records, *reachable(play)]
    assert not [text for text in seen if SECRET[3:] in text]
