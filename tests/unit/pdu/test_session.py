"""Both ends of sealing: what one closes the other opens, and nobody else can make or read it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.keys import COLLECTOR, KEY, RUN, collector_sessions, probe_session
from tests.oracles import sealing
from tmon_collector import sessions as sessions_module
from tmon_collector.sessions import MAX_RUNS, Opened, Sessions
from tmon_common.pdu.error import REASONS, PduError
from tmon_common.pdu.header import ACK, HEADER_OCTETS, HEARD, HEARTBEAT, OBSERVATIONS, probe_number
from tmon_common.pdu.keys import Key
from tmon_common.pdu.replay import WIDTH, ReplayWindow
from tmon_common.pdu.session import MAX_INSTANCES

PROBE = probe_number("probe")
OTHER = Key(bytes(range(1, 33)))


def reason_of(function, *arguments) -> str:
    with pytest.raises(PduError) as caught:
        function(*arguments)
    assert caught.value.reason in REASONS
    return caught.value.reason


def test_the_oracle_seals_as_the_rfc_does():
    """RFC 8439 section 2.8.2, RFC 5869 appendix A.3."""
    text = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.")
    sealed = sealing.seal(bytes(range(0x80, 0xA0)), bytes.fromhex("070000004041424344454647"), text,
                          bytes.fromhex("50515253c0c1c2c3c4c5c6c7"))
    assert sealed[:8].hex() == "d31a8d34648e60db"
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"
    assert sealing.hkdf(b"\x0b" * 22, b"", 42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")


@given(st.binary(max_size=300), st.integers(0, 3))
def test_what_the_probe_closes_is_what_the_document_says(content, earlier):
    """Header, nonce, key and cipher against an implementation from the RFCs."""
    session = probe_session()
    for _ in range(earlier):
        session.close(HEARTBEAT, b"")
    datagram = session.close(OBSERVATIONS, content)
    header = struct.pack("!HBBIQBI", 0x746D, 0x21, KEY.id, PROBE, RUN, 0, earlier)
    key = sealing.hkdf(KEY.secret, b"trafmon pdu 2" + struct.pack("!IQ", PROBE, RUN) + COLLECTOR.encode(), 64)[:32]
    assert datagram == header + sealing.seal(key, earlier.to_bytes(12, "big"), content, header)


@pytest.mark.parametrize("keys", [(KEY,), None])
def test_both_ends(keys):
    """Questions and answers go round, each datagram another one."""
    session, sessions = probe_session(keys=keys), collector_sessions(keys=keys)
    first, second = session.close(OBSERVATIONS, b"rows"), session.close(OBSERVATIONS, b"rows")
    assert first != second
    assert len(first) == session.octets + 4
    assert sessions.open(first) == Opened(OBSERVATIONS, PROBE, RUN, b"rows")
    assert sessions.open(second) == Opened(OBSERVATIONS, PROBE, RUN, b"rows")
    answers = [sessions.close(PROBE, RUN, ACK, b"five") for _ in range(2)]
    assert answers[0] != answers[1]
    assert [session.open(a) for a in answers] == [(ACK, b"five")] * 2
    if keys:
        assert b"rows" not in first
        assert b"five" not in answers[0]


@pytest.mark.parametrize("keys", [(KEY,), None])
def test_any_changed_bit_is_noticed(keys):
    """Header, content and seal alike, in both directions; nothing changes at the receiver."""
    session, sessions = probe_session(keys=keys), collector_sessions(keys=keys)
    datagram = session.close(OBSERVATIONS, b"some rows")
    sessions.open(datagram)
    fresh = session.close(OBSERVATIONS, b"some rows")
    answer = sessions.close(PROBE, RUN, ACK, b"some ids")
    for opens, octets in ((sessions.open, fresh), (session.open, answer)):
        for bit in range(len(octets) * 8):
            changed = bytearray(octets)
            changed[bit // 8] ^= 1 << bit % 8
            reason_of(opens, bytes(changed))
        for cut in range(len(octets)):
            reason_of(opens, octets[:cut])
        reason_of(opens, octets + b"\0")
    assert sessions.open(fresh).content == b"some rows"
    assert session.open(answer) == (ACK, b"some ids")


def test_nothing_is_taken_twice():
    session, sessions = probe_session(), collector_sessions()
    datagrams = [session.close(OBSERVATIONS, bytes([n])) for n in range(5)]
    for n in (3, 1, 4, 0, 2):
        assert sessions.open(datagrams[n]).content == bytes([n])
    assert {reason_of(sessions.open, d) for d in datagrams} == {"replayed"}
    answer = sessions.close(PROBE, RUN, HEARD, b"12345678")
    session.open(answer)
    assert reason_of(session.open, answer) == "replayed"


def test_a_restarted_collector_takes_nothing_twice():
    """It is told how far it was; its answers use no nonce of before."""
    session, before = probe_session(), collector_sessions()
    old = [session.close(OBSERVATIONS, b"old") for _ in range(3)]
    before.open(old[1])
    after = collector_sessions()
    after.restore(PROBE, RUN, before.counter(PROBE, RUN))
    assert reason_of(after.open, old[0]) == "replayed"
    assert reason_of(after.open, old[1]) == "replayed"
    assert after.open(old[2]).content == b"old"
    assert after.counter(PROBE, RUN) == 2
    answers = [s.close(PROBE, RUN, ACK, b"same") for s in (before, after)]
    assert answers[0][HEADER_OCTETS:] != answers[1][HEADER_OCTETS:]
    assert [session.open(a) for a in answers] == [(ACK, b"same")] * 2


def test_runs_long_silent_are_not_taken_twice():
    """Of more runs than are kept, the largest counter is still known."""
    sessions = collector_sessions()
    runs = [probe_session(run=RUN + n) for n in range(MAX_RUNS + 3)]
    datagrams = [run.close(OBSERVATIONS, b"x") for run in runs]
    for datagram in datagrams:
        sessions.open(datagram)
    sessions.forget()
    assert len(sessions._runs[PROBE]) == MAX_RUNS
    assert {reason_of(sessions.open, d) for d in datagrams} == {"replayed"}
    assert sessions.open(runs[0].close(OBSERVATIONS, b"y")).content == b"y"


def test_forged_runs_displace_no_counters(monkeypatch):
    """Those of a probe under a CRC, which anybody can send, beside one with a key."""
    monkeypatch.setattr(sessions_module, "MAX_COUNTERS", 4)
    sessions = Sessions(COLLECTOR, {"probe": (KEY,), "plain": None})
    sessions.restore(PROBE, RUN, 5)
    for n in range(MAX_RUNS + 10):
        sessions.open(probe_session("plain", run=n, keys=None).close(OBSERVATIONS, b"x"))
    sessions.forget()
    assert sessions.counter(PROBE, RUN) == 5


@pytest.mark.parametrize(("reason", "datagram"), [
    ("unknown_probe", probe_session("stranger").close(OBSERVATIONS, b"x")),
    ("unsealed", probe_session(keys=None).close(OBSERVATIONS, b"x")),
    ("no_key", probe_session(keys=(OTHER,)).close(OBSERVATIONS, b"x")),
    ("corrupt", probe_session(collector="another").close(OBSERVATIONS, b"x")),
    ("type", probe_session().close(ACK, b"x")),
    ("short", probe_session().close(OBSERVATIONS, b"")[:-1]),
])
def test_who_is_kept_out(reason, datagram):
    assert reason_of(collector_sessions().open, datagram) == reason


def test_a_probe_without_key_file_here():
    assert reason_of(collector_sessions(keys=()).open, probe_session().close(OBSERVATIONS, b"x")) == "no_key"


def test_a_probe_that_goes_by_crc_is_not_believed_sealed():
    """And the other way round: the configuration decides, not the sender."""
    assert reason_of(collector_sessions(keys=None).open, probe_session().close(OBSERVATIONS, b"x")) == "unsealed"
    session, sessions = probe_session(), collector_sessions(keys=None)
    sessions.open(probe_session(keys=None).close(OBSERVATIONS, b"x"))
    assert reason_of(session.open, sessions.close(PROBE, RUN, ACK, b"five")) == "unsealed"


def test_answers_are_for_one_run_of_one_probe():
    for keys in ((KEY,), None):
        sessions = collector_sessions("probe", "other", keys=keys)
        for session in (probe_session("other", keys=keys), probe_session(run=RUN + 1, keys=keys), probe_session(keys=keys)):
            sessions.open(session.close(OBSERVATIONS, b"x"))
        answer = sessions.close(PROBE, RUN, ACK, b"five")
        assert reason_of(probe_session("other", keys=keys).open, answer) == "unknown_probe"
        assert reason_of(probe_session(run=RUN + 1, keys=keys).open, answer) == "corrupt"
        assert probe_session(keys=keys).open(answer) == (ACK, b"five")


def test_keys_are_exchanged_without_a_gap():
    """Old key, both, new key: first at the collector, then at the probe; within one run, counters going on."""
    session, sessions = probe_session(keys=(KEY,)), collector_sessions(keys=(KEY,))
    sent = [session.close(OBSERVATIONS, b"1")]
    sessions.open(sent[0])
    sessions.set_keys("probe", (KEY, OTHER))
    sent.append(session.close(OBSERVATIONS, b"2"))
    assert sessions.open(sent[1]).content == b"2"
    old_answer = sessions.close(PROBE, RUN, ACK, b"old.")
    session.set_keys((KEY, OTHER))
    assert session.open(old_answer) == (ACK, b"old.")
    sent.append(session.close(OBSERVATIONS, b"3"))
    assert sent[2][3] == OTHER.id
    assert sessions.open(sent[2]).content == b"3"
    sessions.set_keys("probe", (OTHER,))
    assert {reason_of(sessions.open, d) for d in sent} == {"no_key", "replayed"}
    assert sessions.open(session.close(OBSERVATIONS, b"4")).content == b"4"
    assert session.open(sessions.close(PROBE, RUN, ACK, b"new.")) == (ACK, b"new.")


def test_answers_of_many_starts_of_the_collector():
    """What is remembered of them is bounded."""
    session = probe_session()
    question = session.close(OBSERVATIONS, b"x")
    for _ in range(MAX_INSTANCES + 5):
        sessions = collector_sessions()
        sessions.open(question)
        answer = sessions.close(PROBE, RUN, ACK, b"five")
        session.open(answer)
        assert reason_of(session.open, answer) == "replayed"
    assert len(session._windows) == MAX_INSTANCES


def test_counters_end():
    """Rather no datagram than a nonce that was used."""
    session = probe_session()
    session._counter = 2**40 - 1
    assert collector_sessions().open(session.close(OBSERVATIONS, b"x"))
    with pytest.raises(OverflowError):
        session.close(OBSERVATIONS, b"x")


def test_the_instance_changes_before_counters_of_answers_end():
    sessions, session = collector_sessions(), probe_session()
    sessions.open(session.close(OBSERVATIONS, b"x"))
    sessions._counter = 2**32 - 1
    last, first = (sessions.close(PROBE, RUN, ACK, b"five") for _ in range(2))
    assert last[8:16] != first[8:16]
    assert [session.open(a) for a in (last, first)] == [(ACK, b"five")] * 2


@given(st.lists(st.one_of(st.integers(0, 3 * WIDTH), st.integers(0, 40)), max_size=60), st.integers(-1, 50))
def test_the_window_against_a_set(counters, restored):
    """Seen counters, those at or below the start, and those too far behind are not fresh; all others are."""
    window, seen, highest = ReplayWindow(restored), set(), restored
    for counter in counters:
        fresh = counter not in seen and counter > restored and counter > highest - WIDTH
        assert window.fresh(counter) == fresh
        if fresh:
            window.take(counter)
            seen.add(counter)
            highest = max(highest, counter)
        assert window.highest == highest
