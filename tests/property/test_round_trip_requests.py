"""The table of requests does what a list does, whatever comes in whatever order, and stays within its bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.round_trip_twins import RequestTwin
from tests.unit.child.round_trips.batches import as_told, batch_from
from tmon_probe.child.round_trips import requests as module
from tmon_probe.child.round_trips import sample
from tmon_probe.child.round_trips.requests import Requests

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
TIMEOUT = 10 * SECOND
METRICS = (sample.ICMP_ECHO, sample.DNS, sample.SNMP, sample.NTP)
HOSTS = (1, 2, 1 << 64, (1 << 64) + 1)


@st.composite
def packets(draw, hosts=HOSTS, questions=3, identifiers=3) -> dict:
    """Few hosts, identifiers and questions, so that packets meet; a step in time from the one before, also back."""
    metric = draw(st.sampled_from(METRICS))
    question = draw(st.integers(1, questions)) if metric == sample.DNS else 0
    asks, ports = draw(st.booleans()), (draw(st.integers(1, 2)), draw(st.sampled_from((53, 161))))
    return {
        "asks": asks, "metric": metric, "question": 0 if question and draw(st.integers(0, 9)) == 0 else question,
        "ends": (draw(st.sampled_from(hosts)), ports[0], draw(st.sampled_from(hosts)), ports[1]),
        "id": draw(st.integers(0, identifiers)), "flow": draw(st.integers(0, 3)), "way": draw(st.integers(0, 1)),
        "code": 0 if asks else draw(st.sampled_from((0, 0, 3, 60000))), "interface": draw(st.sampled_from((0, 0, 0, 1, 2))),
        "step": draw(st.one_of(st.integers(0, SECOND), st.integers(-2 * SECOND, 8 * SECOND),
                               st.sampled_from((0, 5 * SECOND, 5 * SECOND + 1, TIMEOUT, TIMEOUT + 1, -100 * SECOND)))),
    }  # fmt: skip


def keyed(p: dict) -> dict:
    """The packet as the twin takes it; interfaces 0 and 1 are one observation point."""
    point = 0 if p["interface"] < 2 else 2
    ends = (p["ends"][0], 0, p["ends"][2], 0) if p["metric"] == sample.ICMP_ECHO else p["ends"]
    return p | {"key": (ends, p["metric"], p["id"]), "ends": ends, "point": point}


class Twin(RequestTwin):
    """With the observation point in the key, which samples do not tell."""

    def message(self, m: dict) -> None:
        super().message(m | {"key": (m["key"], m["point"])})

    def drain(self) -> list[tuple]:
        told, self.told = self.told, []
        return sorted((t, key[0], *rest) for t, key, *rest in told)


def compare(requests: Requests, twin: Twin, found: tuple) -> None:
    assert twin.drain() == sorted(as_told(*found))
    counted = requests.counters()
    assert {"requests_pending": len(twin.waiting), "requests_unanswered": twin.counts["unanswered"],
            "requests_evicted": twin.counts["evicted"], "requests_repeated": twin.counts["repeated"],
            "answers_unmatched": twin.counts["unmatched"]} == counted


steps = st.lists(st.tuples(st.lists(packets(), max_size=25), st.sampled_from(("", "expire", "retire", "rest"))), max_size=6)


@given(steps, st.sampled_from((1000, 16, 9)), st.sampled_from((TIMEOUT, SECOND // 1000)), st.booleans())
def test_requests_as_a_list_keeps_them(steps, maximum, timeout_ns, crowded):
    """Every answer, repetition, giving up and eviction, and all counters, batch by batch; crowded: all in a single chain."""
    requests, twin = Requests(maximum, timeout_ns, [0, 0, 2], METRICS), Twin(timeout_ns, maximum)
    if crowded:
        requests._heads = np.full(1, -1, np.int32)
    now, tick = START, 0
    for batch, action in steps:
        for p in batch:
            tick += 1  # no two times are equal: which of two is older is then clear
            now += p["step"]
            p["time"] = now + tick
        messages, made = batch_from(batch)
        found = requests.match(messages, made, 0)
        for p in batch:
            twin.message(keyed(p))
        compare(requests, twin, found)
        assert len(requests) <= maximum
        if action == "expire":
            found = requests.expire(now)
            twin.sweep(now)
        elif action == "retire":
            found = requests.retire(np.array([1, 3], np.int32), now)
            twin.sweep(now, (1, 3))
        elif action == "rest":
            found = requests.rest(now)
            twin.sweep(now, everything=True)
        else:
            continue
        compare(requests, twin, found)
    found = requests.rest(now)
    twin.sweep(now, everything=True)
    compare(requests, twin, found)
    assert len(requests) == 0


@pytest.mark.parametrize("maximum", [1 << 20, 2000])
def test_many_requests(monkeypatch, maximum):
    """Thousands at a time: the table grows, or evicts, and loses none that it need not."""
    monkeypatch.setattr(module, "FIRST_ENTRIES", 64)
    rng, requests, twin = np.random.default_rng(7), Requests(maximum, TIMEOUT, [0], METRICS), Twin(TIMEOUT, maximum)
    now = START
    for _ in range(6):
        batch = []
        for _ in range(800):
            now += int(rng.integers(1, 3_000_000))
            asks = bool(rng.integers(4))
            batch.append({"asks": asks, "metric": int(rng.choice(METRICS)), "question": 0, "id": int(rng.integers(3000)), "flow": 0,
                          "ends": (1, 5, 2, 53), "way": 0, "code": 0, "time": now})
        messages, made = batch_from(batch)
        found = requests.match(messages, made, 0)
        for p in batch:
            twin.message(keyed(p | {"interface": 0}))
        compare(requests, twin, found)
    assert len(requests) > 1500
    assert (requests.counters()["requests_evicted"] > 0) == (maximum == 2000)


def test_unknown_flows_and_metrics_are_passed_over():
    """A packet that is in no flow of the definition, and a metric that nobody wants."""
    requests = Requests(100, TIMEOUT, [0], [sample.DNS])
    packet = {"asks": True, "metric": sample.DNS, "question": 1, "ends": (1, 5, 2, 53), "id": 1, "way": 0, "code": 0, "time": START}
    messages, batch = batch_from([packet | {"flow": -1}, packet | {"flow": 0, "metric": sample.SNMP}])
    samples, _ = requests.match(messages, batch, 0)
    assert len(samples) == len(requests) == 0


def test_questions_of_one_key_are_bounded():
    """Thousands of questions from one port with one id, as a forger sends them, do not make the table slow: eight wait."""
    requests = Requests(1 << 16, TIMEOUT, [0], METRICS)
    packet = {"asks": True, "metric": sample.DNS, "ends": (1, 5, 2, 53), "id": 1, "flow": 0, "way": 0, "code": 0}
    messages, batch = batch_from([packet | {"question": n, "time": START + n} for n in range(1, 5001)])
    requests.match(messages, batch, 0)
    assert 8 == len(requests)
    assert 5000 - 8 == requests.counters()["requests_evicted"]


@pytest.mark.parametrize(("later_ns", "outcomes"), [(0, ["answered"]), (TIMEOUT, ["answered"]), (TIMEOUT + 1, ["unanswered"])])
def test_an_answer_may_take_the_whole_time_allowed(later_ns, outcomes):
    """And not a nanosecond more, whether or not requests have been swept meanwhile."""
    for swept in (False, True):
        requests = Requests(100, TIMEOUT, [0], METRICS)
        packet = {"metric": sample.NTP, "question": 0, "ends": (1, 5, 2, 123), "id": 1, "flow": 0, "way": 0, "code": 0}
        messages, batch = batch_from([packet | {"asks": True, "time": START}])
        requests.match(messages, batch, 0)
        told = as_told(*requests.expire(START + later_ns)) if swept else []
        messages, batch = batch_from([packet | {"asks": False, "time": START + later_ns}])
        told += as_told(*requests.match(messages, batch, 0))
        assert outcomes == [outcome for _, _, outcome, *_ in told]
        assert (later_ns > TIMEOUT) == requests.counters()["answers_unmatched"]


@pytest.mark.parametrize("seed", range(5))
def test_every_request_of_one_chain_is_found(seed):
    """Forty requests chained together, answered in any order, while others come: each is found, wherever it was moved."""
    rng, requests = np.random.default_rng(seed), Requests(1000, TIMEOUT, [0], METRICS)
    requests._heads = np.full(1, -1, np.int32)
    packet = {"metric": sample.SNMP, "question": 0, "ends": (1, 5, 2, 161), "flow": 0, "way": 0, "code": 0}
    asked = [packet | {"asks": True, "id": n} for n in range(40)]
    answered = [packet | {"asks": False, "id": int(n)} for n in rng.permutation(40)]
    packets = asked[:20]
    for n in range(20):
        packets += [asked[20 + n], next(a for a in answered if a["id"] < 20 + n and a not in packets)]
    packets += [a for a in answered if a not in packets]
    messages, batch = batch_from([p | {"time": START + n} for n, p in enumerate(packets)])
    told = as_told(*requests.match(messages, batch, 0))
    assert list(range(40)) == sorted(key[2] for _, key, outcome, *_ in told if outcome == "answered")
    assert 0 == len(requests)
