"""The BPF machine against its slow twin, on random programs and packets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.father.bpf_twin import run
from tmon_probe.father.capture.bpf import check_program
from tmon_probe.father.capture.bpf_machine import keep_passing

corners = st.sampled_from((0xFF, 0x100, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
numbers = st.one_of(st.integers(0, 70), corners, st.integers(0, 2**32 - 1))
offsets = st.one_of(st.integers(0, 70), st.integers(0, 2**31 - 1))
words = st.integers(0, 15)
no_jump = st.tuples(st.just(0), st.just(0))


def instruction(codes, constants):
    return st.tuples(st.sampled_from(codes), st.just(0), st.just(0), constants)


loads = st.one_of(
    instruction((0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0xB1), offsets),
    instruction((0x00, 0x01), numbers),
    instruction((0x60, 0x61, 0x02, 0x03), words),
    instruction((0x80, 0x81, 0x07, 0x87), st.just(0)),
)
arithmetic = st.one_of(
    instruction((0x04, 0x14, 0x24, 0x44, 0x54, 0x64, 0x74, 0x84, 0xA4), numbers),
    instruction((0x34, 0x94), numbers.filter(bool)),
    instruction((0x0C, 0x1C, 0x2C, 0x3C, 0x4C, 0x5C, 0x6C, 0x7C, 0x9C, 0xAC), st.just(0)),
)
skips = st.integers(0, 255)
jumps = st.tuples(st.sampled_from((0x05, 0x15, 0x25, 0x35, 0x45, 0x1D, 0x2D, 0x3D, 0x4D)), skips, skips, numbers)
returns = st.one_of(instruction((0x06,), st.sampled_from((0, 1, 0xFFFFFFFF))), instruction((0x16,), st.just(0)))


@st.composite
def programs(draw):
    """Random programs, jumps being bent so that they stay within."""
    body = draw(st.lists(st.one_of(loads, arithmetic, jumps, jumps, returns), max_size=30))
    program = []
    for number, (code, jt, jf, k) in enumerate(body):
        left = len(body) - number  # the last return included
        if code == 0x05:
            program.append((code, 0, 0, k % left))
        else:
            program.append((code, jt % left, jf % left, k))
    return (*program, draw(returns))


packets = st.lists(st.tuples(st.binary(max_size=64), st.integers(0, 2**32)), min_size=1, max_size=8)


def kept(program_list, frames, interfaces, slack=b"\xff" * 80):
    """Positions of the frames that pass; frames lie between octets that belong to none."""
    data, at = bytearray(slack), []
    for frame, _ in frames:
        at.append(len(data))
        data += frame + slack
    octets = np.frombuffer(bytes(data), np.uint8)
    lengths, wires = [len(f) for f, _ in frames], [w for _, w in frames]
    columns = [np.array(c, np.int64) for c in (at, lengths, wires, range(len(frames)), interfaces)]
    before = [c.copy() for c in columns]
    starts = np.cumsum([0, *(len(p) for p in program_list)])[:-1].astype(np.int64)
    instructions = np.array([i for p in program_list for i in p], np.int64)
    count = keep_passing(octets, *columns, len(frames), instructions, starts)
    which = columns[3][:count].tolist()  # the column of times holds the number of the frame
    for now, then in zip(columns, before, strict=True):
        assert then[which].tolist() == now[:count].tolist()
    return which


@given(programs(), packets)
@settings(max_examples=500, deadline=None)
def test_a_program_does_what_its_twin_does(program, frames):
    check_program(program)
    expected = [n for n, (frame, wire) in enumerate(frames) if run(program, frame, wire)]
    assert expected == kept([program], frames, [0] * len(frames))


@given(st.lists(programs(), min_size=1, max_size=4), packets, st.data())
@settings(max_examples=150, deadline=None)
def test_each_interface_has_its_program_and_unknown_ones_pass_nothing(program_list, frames, data):
    interfaces = data.draw(st.lists(st.integers(-1, len(program_list)), min_size=len(frames), max_size=len(frames)))
    expected = [n for n, ((frame, wire), i) in enumerate(zip(frames, interfaces, strict=True))
                if 0 <= i < len(program_list) and run(program_list[i], frame, wire)]
    assert expected == kept(program_list, frames, interfaces)


@pytest.mark.parametrize(("code", "octets"), [(0x20, 4), (0x28, 2), (0x30, 1), (0xB1, 1), (0x40, 4), (0x48, 2), (0x50, 1)])
def test_no_load_goes_beyond_the_packet(code, octets):
    """The last octet may be read, the one behind it not, whichever way it is pointed at; offsets do not wrap around."""
    for length in range(8):
        for at in range(10):
            program = ((0x01, 0, 0, at), (code, 0, 0, 0 if code & 0xE0 == 0x40 else at), (0x06, 0, 0, 1))
            assert kept([program], [(bytes(length), length)], [0]) == ([0] if at + octets <= length else [])
    wrapping = ((0x01, 0, 0, 0xFFFFFFFF), (code, 0, 0, 0x7FFFFFFF), (0x06, 0, 0, 1))
    assert kept([wrapping], [(bytes(8), 8)], [0]) == []


def test_memory_is_clear_for_every_packet():
    program = ((0x60, 0, 0, 3), (0x15, 0, 1, 0), (0x06, 0, 0, 1), (0x06, 0, 0, 0))
    writer = ((0x00, 0, 0, 9), (0x02, 0, 0, 3), (0x06, 0, 0, 1))
    assert kept([program, writer], [(b"", 0)] * 3, [0, 1, 0]) == [0, 1, 2]


def test_a_frame_that_is_not_in_the_data_is_not_read():
    arrays = [np.array([v], np.int64) for v in (4, 8, 8, 0, 0)]
    program = np.array([(0x30, 0, 0, 0), (0x06, 0, 0, 1)], np.int64)
    assert keep_passing(np.zeros(8, np.uint8), *arrays, 1, program, np.zeros(1, np.int64)) == 0
