"""Everything compiled that a probe may need, step by step so that someone can watch."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tmon_common.analyses.catalogue import catalogue
from tmon_common.clock import SystemClock
from tmon_common.config.model import SECOND, Analysis, Configuration, Filter, FlowClass, GranularFlow, Histogram, Interface, Probe
from tmon_common.kernels import fences
from tmon_common.observations import Rows
from tmon_common.pdu import codec, one_way
from tmon_probe.child import merge
from tmon_probe.child.analysers.load import all_factories
from tmon_probe.child.chain import Chain
from tmon_probe.father.capture import walk
from tmon_probe.father.capture.batch import Batch
from tmon_probe.father.capture.bpf import CaptureFilter
from tmon_probe.father.signature import pick


def _capture() -> None:
    data = np.zeros(0, np.uint8)
    data.flags.writeable = False
    batch = Batch.empty(data)
    arrays = (batch.offsets, batch.captured, batch.wire, batch.times_ns)
    walk.walk_pcap(data, 0, 0, False, 1, *arrays)
    walk.walk_pcapng(data, 0, 0, False, np.zeros((0, 4), np.int64), 0, *arrays, batch.interfaces)
    pick.pick(data, batch.offsets, batch.captured, batch.wire, batch.interfaces, batch.link_types, batch.times_ns, 0, np.uint64(0),
              np.zeros((0, pick.COLUMNS), np.uint64), 0, np.zeros(pick.TALLY, np.int64))
    CaptureFilter("none", "")
    if sys.platform.startswith("linux"):
        from tmon_probe.father.capture.afpacket.block_ring import compile_walk

        compile_walk()


def _dissection() -> None:
    from tmon_probe.father.dissection import compile_dissection

    compile_dissection()


def _analyses() -> None:
    """Each by itself: all that are installed might ask for more services than one probe can have."""
    flow = GranularFlow("flow", frozenset({"src_addr", "dst_addr"}))
    histograms = (Histogram("octets", "octets", (64,)), Histogram("ns", "ns", (1000,)))
    probe = Probe("warmup", (Interface("none"),), (), classes=("all",))
    for name, factory in all_factories().items():
        analysis = Analysis(name, 60 * SECOND, catalogue().analyses[name].histogram_unit or None)
        configuration = Configuration(Path("warmup"), (probe,), classes=(FlowClass("all", Filter(), (flow,), (analysis,)),),
                                      histograms=histograms)
        Chain(configuration, probe, {name: factory}, _nowhere).warm_up()


def _ring() -> None:
    words = np.zeros(1, np.int64)
    fences.store_release(words, 0, SystemClock().monotonic_ns())
    fences.load_acquire(words, 0)
    fences.full_fence()
    merge.warm_up()


def _nowhere(rows: Rows) -> None:
    """Nothing is published."""


STEPS = (
    ("reading captures", _capture),
    ("dissection and sieve", _dissection),
    ("ring", _ring),
    ("flow table and analyses", _analyses),
    ("PDUs", codec.warm_up),
    ("PDUs of one-way observations", one_way.warm_up),
)
"""(what is compiled, function that does it), in the order of the data's way."""
