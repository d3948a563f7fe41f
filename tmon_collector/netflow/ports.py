"""Which ports make a flow: with every client's port a flow of its own, a busy network would have millions that tell nothing."""

from __future__ import annotations

import numpy as np

from tmon_collector.netflow.records import NO_NUMBER

POLICIES = ("service", "both", "none")
WELL_KNOWN = 1024
"""Ports below are of services (RFC 6335 section 6)."""
EPHEMERAL = 32768
"""Ports from here on are of clients: Linux takes them from 32768 on, others from 49152 (RFC 6335 section 6)."""


def keep_ports(flows: np.ndarray, policy: str) -> None:
    """Empties ports of RECORDs in place.

    service     what a client took at random: a port from EPHEMERAL on, and the higher of two unless both are well known
    both, none  none; all of them
    """
    source, destination = flows["src_port"], flows["dst_port"]
    if policy == "none":
        source[:] = destination[:] = NO_NUMBER
    if policy != "service":
        return
    higher_source = (source > destination) & (source >= WELL_KNOWN)
    higher_destination = (destination > source) & (destination >= WELL_KNOWN)
    source[higher_source | (source >= EPHEMERAL)] = NO_NUMBER
    destination[higher_destination | (destination >= EPHEMERAL)] = NO_NUMBER
