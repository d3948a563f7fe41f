"""Queries that wait, beside a slow twin."""

from hypothesis import given
from hypothesis import strategies as st

from tmon_probe.child.dns.waiting import JUMP_NS, MAX_QUESTIONS, Query, Waiting

LIMIT, TIMEOUT = 4, 10
QUESTIONS = (("a", 1, 1), ("b", 1, 1), None)


class Twin:
    """A list, the one silent for longest first; every question is answered by looking through it."""

    def __init__(self) -> None:
        self.waiting: list[list] = []  # [peers, question, first, last, retries, entry]
        self.unanswered: list[tuple] = []
        self.given_up = 0

    def ask(self, peers, question, time, entry):
        for q in self.waiting:
            if (q[0], q[1]) == (peers, question):
                self.waiting.remove(q)
                if abs(time - q[3]) < TIMEOUT:
                    self.waiting.append([*q[:3], time, q[4] + 1, q[5]])
                    return
                self.unanswered.append(tuple(q))
                break
        if len(self.waiting) == LIMIT:
            del self.waiting[0]
            self.given_up += 1
        self.waiting.append([peers, question, time, time, 0, entry])

    def answer(self, peers, question, time):
        for q in self.waiting:
            if (q[0], q[1]) == (peers, question):
                self.waiting.remove(q)
                if abs(time - q[3]) < TIMEOUT:
                    return tuple(q)
                self.unanswered.append(tuple(q))
                return None
        return None

    def take(self, wanted):
        found = [tuple(q) for q in self.waiting if wanted(q)]
        self.waiting = [q for q in self.waiting if not wanted(q)]
        return found


def seen(query: Query | None) -> tuple | None:
    return query and (query.peers, query.question, query.time_ns, query.last_ns, query.retries, query.entry)


PEERS = st.integers(0, 2).map(lambda n: (n,))
TIME = st.integers(-15, 12)
STEPS = st.lists(st.one_of(
    st.tuples(st.just("ask"), TIME, PEERS, st.sampled_from(QUESTIONS), st.integers(0, 2)),
    st.tuples(st.just("answer"), TIME, PEERS, st.sampled_from(QUESTIONS[:2])),
    st.tuples(st.just("expired"), TIME),
    st.tuples(st.just("of"), TIME, st.integers(0, 2))), max_size=40)


@given(STEPS)
def test_as_its_twin(steps):
    """Asked, repeated, answered, timed out, retired, given up: the same queries at every step. Time may go back."""
    real, twin, now = Waiting(LIMIT, TIMEOUT), Twin(), 100
    for what, step, *values in steps:
        now += step
        if what == "ask":
            peers, question, entry = values
            real.ask(Query(peers, question, 0, 30, entry, 100 + entry, now))
            twin.ask(peers, question, now, entry)
        elif what == "answer":
            assert twin.answer(*values, now) == seen(real.answer(*values, now))
        elif what == "of":
            assert twin.take(lambda q: q[5] == values[0]) == list(map(seen, real.of({values[0]})))  # noqa: B023 called at once
        else:
            expected = []
            while twin.waiting and now - twin.waiting[0][3] >= TIMEOUT:
                expected.append(tuple(twin.waiting.pop(0)))
            assert expected == list(map(seen, real.expired(now)))
        assert twin.unanswered == list(map(seen, real.unanswered))
        assert (len(twin.waiting), twin.given_up) == (len(real), real.given_up)
    assert [tuple(q) for q in twin.waiting] == list(map(seen, real.rest()))
    assert 0 == len(real)


def test_a_response_without_a_question():
    """Answers the one that was asked first."""
    waiting = Waiting(LIMIT, TIMEOUT)
    for n, question in enumerate(QUESTIONS[:2]):
        waiting.ask(Query((1,), question, 0, 30, 0, 100, n))
    assert QUESTIONS[0] == waiting.answer((1,), None, 3).question
    assert QUESTIONS[1] == waiting.answer((1,), None, 3).question
    assert waiting.answer((1,), None, 3) is None


def test_many_questions_with_one_id():
    """One client cannot make the search for a question long: the first of them goes."""
    waiting = Waiting(1000, TIMEOUT)
    for n in range(MAX_QUESTIONS + 5):
        waiting.ask(Query((1,), (f"{n}", 1, 1), 0, 30, 0, 100, 0))
    assert (MAX_QUESTIONS, 5) == (len(waiting), waiting.given_up)
    assert "5" == waiting.answer((1,), None, 1).question[0]


def test_a_flood_stays_within_bounds():
    """A hundred thousand different queries: never more wait than may, the latest are those that do."""
    waiting = Waiting(64, TIMEOUT)
    for n in range(100_000):
        waiting.ask(Query((n,), ("flood", 1, 1), 0, 30, 0, 100, 0))
    assert (64, 99_936) == (len(waiting), waiting.given_up)
    assert waiting.answer((99_999,), ("flood", 1, 1), 1)
    assert waiting.answer((0,), ("flood", 1, 1), 1) is None


def test_packet_time_of_the_next_recording():
    """Queries of a later recording do not stand before those of an earlier one, whose time is over."""
    waiting = Waiting(LIMIT, TIMEOUT)
    waiting.ask(Query((1,), QUESTIONS[0], 0, 30, 0, 100, 2 * JUMP_NS))
    waiting.ask(Query((2,), QUESTIONS[0], 0, 30, 0, 100, 0))
    assert [(1,), (2,)] == [q.peers for q in waiting.expired(TIMEOUT)]
    assert 0 == len(waiting)
