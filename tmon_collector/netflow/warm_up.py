"""Compiling the kernels of this package, or loading them from their cache, before the first datagram."""

from __future__ import annotations

import numpy as np

from tmon_collector.netflow.flows import Flows
from tmon_collector.netflow.layout import Layout, record_starts
from tmon_collector.netflow.records import records
from tmon_collector.netflow.templates import VARIABLE, Field, Template


def warm_up() -> None:
    Flows(1).assign(records(1))
    template = Template(256, (Field("", VARIABLE),))
    Layout(template, np.zeros(1, np.uint8), record_starts(template, memoryview(b"\0")))
