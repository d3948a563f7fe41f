"""From an interface of the configuration to its capture source."""

from __future__ import annotations

import time

from tmon_common.config.model import Interface
from tmon_probe.father.capture.batch import Source
from tmon_probe.father.capture.replay import Replay


def open_source(interface: Interface) -> Source:
    """The source of an interface. CaptureError if it cannot be opened."""
    if interface.files:
        paced_by = time.monotonic_ns if interface.pace == "own" else None
        return Replay(interface.files, paced_by, bpf=interface.bpf, interface=interface.name)
    from tmon_probe.father.capture.live import LibpcapDevice  # needs libpcap, which a replay does not

    return LibpcapDevice(interface)
