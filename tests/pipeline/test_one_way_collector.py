"""One-way measurement in a real collector: what it acknowledged is judged and written once, whatever kills it meanwhile."""

from __future__ import annotations

import random
import signal
from collections import Counter
from contextlib import ExitStack, closing, suppress

import pytest

from tests.keys import RUN, probe_session
from tests.pipeline import one_way_site as site
from tests.pipeline.collector_process import CollectorProcess, Hand
from tests.pipeline.small_disk import small_disk
from tmon_collector import health
from tmon_common.config.read import read

KINDS = ("one_way_packet", "one_way_delay_histogram", "one_way_delay_bucket", "one_way_counters", "one_way_lost", "one_way_dropped",
         "one_way_missed", "clock_offset")
PACKETS = 4000
PER_PDU = 100


def traffic(seed: int) -> tuple[dict[str, list[bytes]], dict[int, str]]:
    """(PDUs of each probe, in order of their id; what becomes of each packet)."""
    chance = random.Random(seed)
    lost_before = {"a": set(), "b": set(), "c": set()}
    for n in range(50, PACKETS - 50):
        if chance.random() < 0.05:
            lost_before["c"].add(n)
            if chance.random() < 0.5:
                lost_before["b"].add(n)
    given_up = chance.randrange(5, 30)
    pdus, verdict = {}, dict.fromkeys(range(PACKETS), "complete")
    verdict |= dict.fromkeys(lost_before["c"], "lost")
    for probe in "abc":
        sent = [site.definition_pdu(probe)]
        for sequence in range(PACKETS // PER_PDU):
            numbers = range(sequence * PER_PDU, (sequence + 1) * PER_PDU)
            if probe == "c" and sequence == given_up:
                sent.append(site.gap_pdu(probe, len(sent), sequence, numbers))
                verdict |= {n: "dropped" for n in numbers if n not in lost_before["b"]}
            else:
                sent.append(site.block_pdu(probe, len(sent), sequence, numbers, lost_before[probe],
                                           ended=numbers.stop == PACKETS))
        pdus[probe] = sent
    return pdus, verdict


def collector(directory, **kept):
    return CollectorProcess(directory, configuration=site.CONFIGURATION, **kept)


def hands(stack: ExitStack, running: CollectorProcess) -> dict[str, Hand]:
    return {p: stack.enter_context(Hand(running.port, probe_session(p, RUN, keys=None))) for p in "abc"}


def deliver(by: dict[str, Hand], pdus: dict[str, list[bytes]], wanted: dict[str, set[int]]) -> None:
    """Sends what is not acknowledged yet, until it is."""
    for probe, hand in by.items():
        while missing := sorted(wanted[probe] - hand.acked)[:20]:
            hand.send(*(pdus[probe][i] for i in missing))
            while not hand.acked.issuperset(missing) and hand.take(0.2):
                pass


def written(running: CollectorProcess) -> dict[str, list[dict[str, str]]]:
    """Rows by kind; without the run in the collector's own, which tells when it was started."""
    rows = {kind: site.rows_of(running, kind) for kind in KINDS}
    for row in rows["clock_offset"]:
        row.pop("run")
    rows["clock_offset"].sort(key=lambda row: tuple(row.values()))
    return rows


def same(one, other) -> bool:
    for kind in KINDS:
        assert one[kind] == other[kind], kind
    return True


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What a collector writes that nothing happens to, and tells of itself at the end."""
    pdus, verdict = traffic(1)
    directory = tmp_path_factory.mktemp("undisturbed")
    with collector(directory) as running, ExitStack() as stack:
        by = hands(stack, running)
        deliver(by, pdus, {p: set(range(len(pdus[p]))) for p in "abc"})
        told = stack.enter_context(closing(health.attach(read(directory / "tmon.xml"), "collector")))
        assert running.stop() == 0
        return pdus, verdict, written(running), told.identity, told.snapshot()


def test_verdicts(undisturbed):
    """Every packet has its verdict, once; the exceptions have rows of their own; the counters add up to the same."""
    _, verdict, rows, *_ = undisturbed
    found = {int(r["signature"]) - 1000: r["verdict"] for r in rows["one_way_packet"]}
    assert found == verdict
    assert len(rows["one_way_packet"]) == PACKETS
    for kind in ("lost", "dropped"):
        assert {int(r["signature"]) - 1000 for r in rows[f"one_way_{kind}"]} == {n for n, v in verdict.items() if v == kind}
        assert sum(int(r[kind]) for r in rows["one_way_counters"]) == sum(v == kind for v in verdict.values())
    assert sum(int(r["packets"]) for r in rows["one_way_counters"]) == PACKETS
    assert {r["one_way_delay"] for r in rows["one_way_packet"] if r["verdict"] == "complete"} == {"0.030000000"}
    assert {(r["probe"], r["run"], r["flow"]) for r in rows["one_way_packet"]} == {("a", str(RUN >> 16), "7")}


def test_what_it_tells_of_itself(undisturbed):
    """Observations, the gap and packets as they were sent, nothing waits; rows of each kind as they are in the spool."""
    pdus, verdict, rows, identity, numbers = undisturbed
    seen = Counter(verdict.values())
    of_class = {name.removeprefix("one_way_0_"): value for name, value in numbers.items() if name.startswith("one_way_0_")}
    assert (PACKETS, 0, 1) == tuple(of_class[n] for n in ("packets", "waiting", "gaps"))
    assert of_class["pdus"] == sum(map(len, pdus.values())) - len("abc") - 1  # definitions, and the gap
    assert of_class["observations"] == numbers["rows"] - len("abc") - 1 < 3 * PACKETS - seen["lost"]
    assert not any(of_class[n] for n in ("late", "refused", "ahead", "undefined", "unexpected", "outdated", "clashes", "negative"))
    assert 0 == of_class["settled_ns"]  # all has ended: it waits for another recording, of whatever time
    assert {kind: len(rows[kind]) for kind in KINDS} == {
        kind: numbers[f"kind_{n}_rows"] for n, kind in enumerate(identity["kinds"]) if kind in KINDS}


def test_another_order_of_arrival(tmp_path, undisturbed):
    """A second collector, which gets the probes' PDUs in another order, writes the same rows."""
    pdus, _, rows, *_ = undisturbed
    with collector(tmp_path) as running, ExitStack() as stack:
        by = hands(stack, running)
        for probe in "cab":
            order = list(range(len(pdus[probe])))
            random.Random(probe).shuffle(order)
            for i in range(0, len(order), 10):
                deliver({probe: by[probe]}, pdus, {probe: set(order[: i + 10])})
        assert running.stop() == 0
        assert same(written(running), rows)


@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again(tmp_path, undisturbed, seed):
    """kill -9 at any moment, while it receives, settles and writes; in the end every row is there, once, as if nothing had been."""
    pdus, _, rows, *_ = undisturbed
    chance = random.Random(seed)
    acked: dict[str, set[int]] = {p: set() for p in "abc"}
    for start in range(7):
        with collector(tmp_path) as running, ExitStack() as stack:
            by = hands(stack, running)
            for probe, hand in by.items():
                hand.acked = acked[probe]
            share = (start + 1) / 7
            deliver(by, pdus, {p: set(range(round(share * len(pdus[p])))) for p in "abc"})
            if start < 6:
                if chance.random() < 0.5:
                    ahead = round(share * len(pdus["a"]))
                    by["a"].send(*pdus["a"][ahead : ahead + 3])
                running.stop(signal.SIGKILL) if chance.random() < 0.7 else running.stop()
            else:
                assert running.stop() == 0
    assert same(written(running), rows)
    logs = list(running.spool.glob(".collector.one_way-*.log"))
    assert len(logs) == 1  # of what is judged nothing is kept
    assert logs[0].stat().st_size < 2000


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path, "2m") as disk:
        yield disk


def test_full_disk(tmp_path, undisturbed, disk):
    """On a full disk nothing is acknowledged, and what is judged waits; with room again all of it is written, once."""
    pdus, _, rows, *_ = undisturbed
    (tmp_path / "run").mkdir()
    with collector(tmp_path / "run", spool=disk / "spool") as running, ExitStack() as stack:
        by = hands(stack, running)
        for probe, hand in by.items():
            hand.send(pdus[probe][0], pdus[probe][1])
            hand.wait_for(0, 1)
        ballast, block = disk / "ballast", 64 << 10
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(block))
        while True:  # what room is left in the pages of its files
            pass_on = [i for i in range(2, 40) if i not in by["a"].acked][:3]
            by["a"].send(*(pdus["a"][i] for i in pass_on))
            if not by["a"].take(1):
                break
        ballast.unlink()
        deliver(by, pdus, {p: set(range(len(pdus[p]))) for p in "abc"})
        assert running.stop() == 0
        assert "No space left on device" in running.messages
        assert "can be written again" in running.messages
        assert same(written(running), rows)
