"""Events through a pipe: whole, in order, never waiting; whatever else is in it does no harm."""

import json
import multiprocessing
import os
import select
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_common.events import CATALOGUE, event
from tmon_probe.event_pipe import LINE_OCTETS, EventPipe, decode, encode


@pytest.fixture
def pipe():
    pipe = EventPipe()
    yield pipe
    pipe.close()


def told(number: int, subject: str = "lan"):
    return event("kernel_drops", number, subject, packets=number, seconds=1)


def test_events_arrive_as_they_were_sent(pipe):
    """Every code of the catalogue, and the pipe is readable as long as there is something."""
    sent = [event(d.code, 5, "ü lan", **{p.name: -7 if p.type is int else "wörds \"'\\," for p in d.parameters})
            for d in CATALOGUE.values()]
    assert select.select([pipe.fileno()], [], [], 0)[0] == []
    assert all(pipe.send(e) for e in sent)
    assert select.select([pipe.fileno()], [], [], 0)[0] == [pipe.fileno()]
    assert pipe.read() == sent
    assert pipe.read() == []
    assert (pipe.lost, pipe.garbled) == (0, 0)


def test_a_full_pipe_loses_events_and_counts_them(pipe):
    """What was accepted arrives; after that there is room again."""
    accepted = sum(pipe.send(told(n)) for n in range(10_000))
    assert 0 < accepted < 10_000
    assert pipe.lost == 10_000 - accepted
    assert pipe.read() == [told(n) for n in range(accepted)]
    assert pipe.send(told(1))
    assert pipe.read() == [told(1)]


def test_the_longest_event_fits_in_a_line(pipe):
    """Four octets a character; it is cut, not lost, and still what the catalogue declares."""
    longest = event("capture_warning", 2**63, "𝄞" * 1000, what="𝄞" * 1000)
    assert len(encode(longest)) <= LINE_OCTETS
    monster = event("probe_started", 10**2000, "𝄞" * 100, version='"' * 1000, interfaces=-(10**1500))
    assert len(encode(monster)) <= LINE_OCTETS
    assert pipe.send(longest)
    assert not pipe.send(event("traffic_back", 0, "lan", seconds=10**4200))
    assert pipe.read() == [longest]
    assert pipe.lost == 1


@pytest.mark.parametrize("line", [
    b"", b"\xff\xfe", b"null", b"[]", b"[1,2,3,4]", b'{"a":1}', b'[1,"nonsense","lan",[]]',
    b'[1,"traffic_back","lan",[["seconds"]]]',
    b'[1.5,"traffic_back","lan",[["seconds",1]]]', b'[1,"traffic_back",3,[["seconds",1]]]', b'[1,["traffic_back"],"lan",[]]',
    b'[1,"traffic_back","lan",[["seconds",' + b"9" * 4000 + b"]]", b"[" * 3000, b'[1,"traffic_back","lan",7]',
])
def test_garbage_is_counted(pipe, line):
    """And the events around it arrive."""
    pipe.send(told(1))
    os.write(pipe._writer, line + b"\n")
    pipe.send(told(2))
    assert pipe.read() == [told(1), told(2)]
    assert pipe.garbled == 1


def test_a_line_without_end_is_given_up(pipe):
    """A writer that died within it, or no writer of ours: memory stays bounded, and the next line is read."""
    for _ in range(5):
        os.write(pipe._writer, b"x" * 30_000)
        assert pipe.read() == []
        assert len(pipe._rest) < LINE_OCTETS
    os.write(pipe._writer, b"\n")
    pipe.send(told(3))
    assert pipe.read() == [told(3)]
    assert pipe.garbled == 1


def test_a_torn_line_is_put_together(pipe):
    """Should it ever arrive in pieces."""
    line = encode(told(4))
    for cut in range(len(line)):
        os.write(pipe._writer, line[:cut])
        assert pipe.read() == []
        os.write(pipe._writer, line[cut:])
        assert pipe.read() == [told(4)]


@given(st.binary(max_size=200))
def test_any_octets(octets):
    """None, or an event of the catalogue."""
    found = decode(octets)
    assert found is None or found.code in CATALOGUE


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(sorted(CATALOGUE)),
                    lambda children: st.lists(children, max_size=4), max_leaves=12))
def test_any_json(value):
    """The same of what is JSON."""
    found = decode(json.dumps(value).encode())
    assert found is None or found.code in CATALOGUE


def test_without_a_reader_events_are_lost_and_nobody_dies(pipe):
    pipe.keep_writer()
    assert not pipe.send(told(1))
    assert pipe.lost == 1


def test_several_fathers_write_whole_lines(pipe):
    """Each event of each arrives once and in its own order, however they race."""
    context, events = multiprocessing.get_context("fork"), 2000

    def father(number: int) -> None:
        for n in range(events):
            while not pipe.send(told(n, f"father {number}")):
                select.select([], [pipe._writer], [], 0.01)

    fathers = [context.Process(target=father, args=(n,)) for n in range(3)]
    for process in fathers:
        process.start()
    pipe.keep_reader()
    found = []
    while select.select([pipe.fileno()], [], [], 30)[0]:
        events_now = pipe.read()
        found += events_now
        if not events_now and not any(p.is_alive() for p in fathers):  # all ends of the writers are closed
            break
    for process in fathers:
        process.join(10)
        assert process.exitcode == 0
    assert pipe.garbled == 0
    for n in range(3):
        assert [e for e in found if e.subject == f"father {n}"] == [told(i, f"father {n}") for i in range(events)]


def test_a_father_killed_while_it_writes_leaves_whole_lines(pipe):
    """kill -9 at any moment."""
    def father() -> None:
        while True:
            pipe.send(told(1))

    process = multiprocessing.get_context("fork").Process(target=father)
    process.start()
    found = []
    while len(found) < 5000:
        select.select([pipe.fileno()], [], [], 1)
        found += pipe.read()
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    found += pipe.read()
    assert set(found) == {told(1)}
    assert pipe.garbled == 0
    assert pipe._rest == b""
