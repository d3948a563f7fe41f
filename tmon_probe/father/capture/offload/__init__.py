"""Offloads of capture devices: which matter to an observer, switched off while probes capture, restored by the last of them."""

from tmon_probe.father.capture.offload.features import short
from tmon_probe.father.capture.offload.merging import longest_frame, told_on
from tmon_probe.father.capture.offload.offloads import Offloads, Switched, switch_off

__all__ = ["Offloads", "Switched", "longest_frame", "short", "switch_off", "told_on"]
