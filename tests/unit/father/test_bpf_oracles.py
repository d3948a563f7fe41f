"""Filters let pass, of every real capture, what libpcap's own machine and tcpdump let pass."""

import re
import shutil
import subprocess

import numpy as np
import pcapy
import pytest

from tests.unit.father.bpf_expressions import BY_TCPDUMP, EXPRESSIONS
from tests.unit.father.recordings import frames_of
from tmon_probe.father.capture.batch import Batch, CaptureError
from tmon_probe.father.capture.bpf import CaptureFilter
from tmon_probe.father.capture.linktypes import RAW, RAW_BSD
from tmon_probe.father.capture.replay import Replay

pytestmark = pytest.mark.oracle


def test_as_libpcap_runs_its_program(capture):
    """libpcap is given one frame at a time (the length on the wire is for it the captured one), our kernel the batch."""
    frames, batch = everything(capture)
    for expression in EXPRESSIONS:
        programs = [compiled(expression, int(link_type)) for link_type in batch.link_types]
        expected = [n for n, (interface, frame) in enumerate(frames) if programs[interface] and programs[interface].filter(frame)]
        assert expected == passing(expression, batch), expression


def everything(path) -> tuple[list[tuple[int, bytes]], Batch]:
    """(interface, octets) of each frame, and all frames as one batch whose column of times holds their numbers."""
    source, frames, link_types = Replay((path,)), [], []
    while not source.finished:
        batch = source.next_batch()
        if batch:
            link_types = batch.link_types
            ends = batch.offsets + batch.captured
            frames += [(int(batch.interfaces[i]), batch.data[batch.offsets[i] : ends[i]].tobytes()) for i in range(batch.count)]
    sizes = np.array([len(f) for _, f in frames], np.int64)
    data = np.frombuffer(b"".join(f for _, f in frames), np.uint8)
    interfaces = np.array([i for i, _ in frames], np.int64)
    return frames, Batch(data, np.cumsum(sizes) - sizes, sizes, sizes, np.arange(len(sizes)), interfaces, link_types, len(sizes))


def compiled(expression: str, link_type: int):
    try:
        return pcapy.compile(RAW_BSD if link_type == RAW else link_type, 65535, expression, 1, 0xFFFFFFFF)
    except pcapy.PcapError:
        return None


def passing(expression: str, batch: Batch) -> list[int]:
    columns = [c.copy() for c in (batch.offsets, batch.captured, batch.wire, batch.times_ns, batch.interfaces)]
    reduced = Batch(batch.data, *columns, batch.link_types, batch.count)
    chosen = CaptureFilter("lan", expression)
    chosen.choose(batch.link_types.tolist(), big=False)
    chosen.apply(reduced)
    return reduced.times_ns[: reduced.count].tolist()


@pytest.mark.skipif(not shutil.which("tcpdump"), reason="tcpdump is not installed")
def test_as_tcpdump_keeps(capture, tmp_path):
    """Frames, lengths on the wire and order of `tcpdump -r FILE -w - EXPRESSION`; an expression it refuses, we refuse."""
    kept = tmp_path / "kept.pcap"
    for expression in BY_TCPDUMP:
        argv = ["tcpdump", "-Z", "root", "-r", str(capture), "-w", str(kept), expression]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if "an interface has a type" in done.stderr:
            pytest.skip("tcpdump does not read recordings of several link types")
        elif done.returncode and "truncated" not in done.stderr:
            with pytest.raises(CaptureError, match=re.escape(done.stderr.splitlines()[-1].removeprefix("tcpdump: "))):
                Replay((capture,), bpf=expression, interface="lan")
        else:
            expected = [(wire, frame) for _, _, wire, frame in frames_of(Replay((kept,)))]
            assert expected == [(wire, frame) for _, _, wire, frame in frames_of(Replay((capture,), bpf=expression))], expression
