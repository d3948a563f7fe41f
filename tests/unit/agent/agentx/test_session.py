"""The session with a master, as plays of what comes and what is to follow, on a clock that stands still."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_agent.agentx.answers import MAX_BULK_BINDINGS
from tmon_agent.agentx.encoding import encode_bindings, encode_octets, encode_oid
from tmon_agent.agentx.pdu import (
    Error,
    Reason,
    Type,
    build,
    close_payload,
    read_bindings,
    read_response,
    response_payload,
    take_pdu,
)
from tmon_agent.agentx.session import (
    AGAIN_NS,
    MAX_NOTIFICATIONS,
    QUIET_NS,
    RESPONSE_NS,
    Closed,
    Notified,
    Refused,
    Region,
    Registered,
    Session,
    State,
)
from tmon_agent.agentx.values import Binding, Syntax, Value
from tmon_agent.snmp.objects import Smi
from tmon_agent.snmp.tree import Tree

ROOT = (1, 3, 6, 1, 4, 1, 99)
ROW = (4, 97, 98, 99, 100)  # the index "abcd"
REGIONS = (Region((*ROOT, 1, 1, 2, *ROW), 10, 3), Region((*ROOT, 2, 1, 2, *ROW), 10, 2))
TREE = Tree([((*ROOT, 1, 1, column, *ROW, n), Smi.COUNTER64, 10 * column + n) for column in (2, 3) for n in range(1, 4)],
            [(*ROOT, 1, 1, 2), (*ROOT, 1, 1, 3)])
SECOND = 1_000_000_000


class Play:
    """A session, and the master's side of it."""

    def __init__(self, *, registered: bool = True) -> None:
        self.now = 0
        self.session = Session(ROOT, "play", REGIONS, lambda: TREE)
        self.session.connected(0)
        if registered:
            self.respond(self.sent()[0], session=7)
            for pdu in self.sent():
                self.respond(pdu)
            assert [Registered()] == self.session.take_happened()

    def sent(self):
        buffer, found = bytearray(self.session.take_octets()), []
        while pdu := take_pdu(buffer):
            found.append(pdu)
        return found

    def respond(self, pdu, error=Error.NO_ERROR, session=7):
        self.session.receive(build(Type.RESPONSE, response_payload(error), session=session, packet=pdu.packet), self.now)

    def ask(self, kind, payload, session=7):
        """What the master gets for it."""
        self.session.receive(build(kind, payload, session=session, transaction=3, packet=900), self.now)
        answers = self.sent()
        assert all((900, 3, Type.RESPONSE) == (a.packet, a.transaction, a.type) for a in answers)
        return [read_response(a) for a in answers]

    def wait(self, ns):
        self.now += ns
        self.session.handle_timer(self.now)


def ranges(*starts, include=False, end=()):
    return b"".join(encode_oid(s, include=include) + encode_oid(end) for s in starts)


def test_opens_and_registers_rows_as_ranges():
    """Open first; the regions when it is answered, under the session's number that came with the answer."""
    play = Play(registered=False)
    opened, = play.sent()
    assert (Type.OPEN, 0) == (opened.type, opened.session)
    play.respond(opened, session=42)
    registered = play.sent()
    assert [(Type.REGISTER, 42)] * 2 == [(r.type, r.session) for r in registered]
    assert bytes.fromhex("00000003") == registered[0].payload[-4:]
    assert 10 == registered[0].payload[2]


def test_refused_regions_are_tried_again():
    """A region that another session still holds is registered as soon as it can be; the others stay."""
    play = Play(registered=False)
    play.respond(play.sent()[0])
    first, second = play.sent()
    play.respond(first, Error.DUPLICATE_REGISTRATION)
    play.respond(second)
    assert [Refused(REGIONS[0], "duplicate registration")] == play.session.take_happened()
    assert AGAIN_NS == play.session.next_timer()
    play.wait(AGAIN_NS)
    again, = play.sent()
    assert first.payload == again.payload
    play.respond(again)
    assert [Registered()] == play.session.take_happened()


def test_get():
    """An instance; none of a column that there is; a name of nothing."""
    there, gone, nothing = (*ROOT, 1, 1, 3, *ROW, 2), (*ROOT, 1, 1, 3, *ROW, 9), (*ROOT, 5)
    answer, = Play().ask(Type.GET, ranges(there, gone, nothing))
    assert [Value(Syntax.COUNTER64, 32), Value(Syntax.NO_SUCH_INSTANCE), Value(Syntax.NO_SUCH_OBJECT)] == [
        b.value for b in answer.bindings]
    assert [there, gone, nothing] == [b.oid for b in answer.bindings]


@pytest.mark.parametrize(("start", "include", "end", "expected"), [
    ((*ROOT, 1), False, (), (*ROOT, 1, 1, 2, *ROW, 1)),
    ((*ROOT, 1, 1, 2, *ROW, 1), False, (), (*ROOT, 1, 1, 2, *ROW, 2)),
    ((*ROOT, 1, 1, 2, *ROW, 1), True, (), (*ROOT, 1, 1, 2, *ROW, 1)),
    ((*ROOT, 1, 1, 2, *ROW, 3), False, (), (*ROOT, 1, 1, 3, *ROW, 1)),
    ((*ROOT, 1, 1, 2, *ROW, 3), False, (*ROOT, 1, 1, 3, *ROW, 1), None),
    ((*ROOT, 1, 1, 2, *ROW, 3), False, (*ROOT, 1, 1, 3, *ROW, 2), (*ROOT, 1, 1, 3, *ROW, 1)),
    ((*ROOT, 1, 1, 3, *ROW, 3), False, (), None),
])
def test_get_next(start, include, end, expected):
    """Section 7.2.3.2: the next after the start, or the start itself where included, and before the end."""
    answer, = Play().ask(Type.GET_NEXT, ranges(start, include=include, end=end))
    binding, = answer.bindings
    assert ((start, Syntax.END_OF_MIB_VIEW) if expected is None else (expected, Syntax.COUNTER64)) == (
        binding.oid, binding.value.syntax)


def test_get_bulk():
    """Section 7.2.3.3: non-repeaters once, the others as rows; ends with a row of nothing but ends."""
    answer, = Play().ask(Type.GET_BULK, bytes.fromhex("00010014") + ranges(ROOT, (*ROOT, 1, 1, 3)))
    assert [(1, 1, 2, *ROW, 1)] + [(1, 1, 3, *ROW, n) for n in (1, 2, 3, 3)] == [b.oid[len(ROOT):] for b in answer.bindings]
    assert Syntax.END_OF_MIB_VIEW == answer.bindings[-1].value.syntax


def test_get_bulk_is_bounded():
    """65,535 repetitions of a name are no reason for a long answer."""
    endless = Tree([((*ROOT, n), Smi.COUNTER64, n) for n in range(5 * MAX_BULK_BINDINGS)])
    session = Session(ROOT, "play", REGIONS, lambda: endless)
    play = Play()
    play.session._tree = session._tree
    answer, = play.ask(Type.GET_BULK, bytes.fromhex("0000ffff") + ranges(ROOT))
    assert MAX_BULK_BINDINGS == len(answer.bindings)


def test_nothing_can_be_set():
    """Section 7.2.4: notWritable, at the first name; what follows of the dialogue is answered as far as it has an answer."""
    play = Play()
    answer, = play.ask(Type.TEST_SET, encode_bindings([Binding((*ROOT, 1), Value(Syntax.INTEGER, 1))]))
    assert (Error.NOT_WRITABLE, 1) == (answer.error, answer.index)
    assert [] == play.ask(Type.CLEANUP_SET, b"")
    assert [Error.NO_ERROR] == [a.error for a in play.ask(Type.UNDO_SET, b"")]


def test_other_sessions_and_contexts():
    """A request for a session that is not this one, or in a context, is refused."""
    play = Play()
    assert [Error.NOT_OPEN] == [a.error for a in play.ask(Type.GET, ranges(ROOT), session=8)]
    pdu = bytearray(build(Type.GET, encode_octets(b"elsewhere") + ranges(ROOT), session=7, transaction=3, packet=900))
    pdu[2] |= 0x08
    play.session.receive(bytes(pdu), 0)
    assert [Error.UNSUPPORTED_CONTEXT] == [read_response(p).error for p in play.sent()]


def test_requests_that_cannot_be_read():
    """One is answered with parseFailed; the session goes on."""
    play = Play()
    assert [Error.PARSE_FAILED] == [a.error for a in play.ask(Type.GET, bytes.fromhex("ff000000"))]
    assert State.OPEN == play.session.state


def test_a_stream_that_cannot_be_read_ends_the_session():
    """Nobody knows where the next PDU begins."""
    play = Play()
    play.session.receive(b"\x05" * 20, 0)
    assert "cannot be read" in play.session.take_happened()[0].why
    assert [(Type.CLOSE, bytes([Reason.PARSE_ERROR, 0, 0, 0]))] == [(p.type, p.payload) for p in play.sent()]


def test_a_master_that_does_not_answer():
    """Taken for dead after RESPONSE_NS, whatever it owes an answer to; notifications that it may have got are nobody's."""
    play = Play()
    assert play.session.notify([Binding(ROOT, Value(Syntax.INTEGER, 1))], "token", 0)
    play.wait(RESPONSE_NS - 1)
    assert State.OPEN == play.session.state
    play.wait(1)
    notified, closed = play.session.take_happened()
    assert Notified("token", None) == notified
    assert "has not answered Notify within 10 s" in closed.why
    assert play.session.next_timer() is None


def test_a_quiet_master_is_asked_whether_it_lives():
    """With Ping, after QUIET_NS; its answer is worth as long again."""
    play = Play()
    play.wait(QUIET_NS)
    ping, = play.sent()
    assert (Type.PING, 7) == (ping.type, ping.session)
    play.respond(ping)
    assert play.now + QUIET_NS == play.session.next_timer()


def test_a_master_that_forgot_the_session():
    """notOpen as an answer to Ping ends it: it is opened anew by a new connection."""
    play = Play()
    play.wait(QUIET_NS)
    play.respond(play.sent()[0], Error.NOT_OPEN)
    assert [Closed("the master does not know the session any more")] == play.session.take_happened()


def test_the_master_closes():
    """With its reason."""
    play = Play()
    play.session.receive(build(Type.CLOSE, close_payload(Reason.BY_MANAGER), session=7), 0)
    assert [Closed("the master closed it: by manager")] == play.session.take_happened()


def test_notifications():
    """Each is settled by its own answer, in whatever order these come; there are at most MAX_NOTIFICATIONS at a time."""
    play = Play()
    bindings = (Binding(ROOT, Value(Syntax.INTEGER, 1)),)
    assert all(play.session.notify(bindings, n, 0) for n in range(MAX_NOTIFICATIONS))
    assert not play.session.notify(bindings, "too many", 0)
    sent = play.sent()
    assert bindings == read_bindings(sent[0])
    play.respond(sent[1], Error.PROCESSING_ERROR)
    play.respond(sent[0])
    assert [Notified(1, "processing error"), Notified(0, "")] == play.session.take_happened()
    assert play.session.notify(bindings, "room again", 0)


def test_no_notification_without_a_session():
    """It is the caller's to keep."""
    play = Play(registered=False)
    assert not play.session.notify([], "early", 0)
    play.session.lost("gone")
    assert not play.session.notify([], "late", 0)


def test_ends_in_order():
    """The master is told; nothing is said to have happened but that."""
    play = Play()
    play.session.close()
    assert [(Type.CLOSE, bytes([Reason.SHUTDOWN, 0, 0, 0]))] == [(p.type, p.payload) for p in play.sent()]
    assert [Closed("")] == play.session.take_happened()


@given(st.lists(st.binary(max_size=64), max_size=8))
def test_whatever_comes(pieces):
    """A master that sends anything at all ends the session, or is answered; nothing else happens."""
    play = Play()
    for piece in pieces:
        play.session.receive(piece, play.now)
        play.sent()
    assert all(isinstance(h, Closed) for h in play.session.take_happened())


@given(st.sampled_from([*Type, 0, 99]), st.binary(max_size=80), st.integers(0, 255))
def test_whatever_a_pdu_holds(kind, payload, flags):
    """With a header that is right the session goes on after it, unless the PDU says otherwise."""
    play = Play()
    payload = payload[: len(payload) // 4 * 4]
    pdu = bytearray(build(kind, payload, session=7, transaction=1, packet=2))
    pdu[2] = 0x10 | flags & 0xEF
    play.session.receive(bytes(pdu), 0)
    play.sent()
    play.session.receive(build(Type.GET, ranges((*ROOT, 1, 1, 3, *ROW, 2)), session=7, packet=900), 0)
    if State.OPEN == play.session.state:
        assert [900] == [p.packet for p in play.sent()]
    else:
        assert kind in (Type.CLOSE, Type.RESPONSE)
