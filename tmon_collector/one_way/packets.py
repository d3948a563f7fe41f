"""What is observed, and what is made of it: structures of arrays, one row an observation, one row a packet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

COMPLETE, LOST, DROPPED, MISSED, INJECTED = range(5)
"""Verdicts, positions in tmon_common.observations.one_way.VERDICTS."""
NO_OCTETS = -1


class Observed(NamedTuple):
    """Observations of one class, in any order.

    definition  int32 (n,): which flow, as a definition of a run (flows.Definitions)
    point       uint8 (n,): observation point, from 1
    signature   uint32 (n,)
    time_ns     int64 (n,): by the clock of the probe
    octets      int32 (n,): NO_OCTETS where it did not travel
    last_ns     int64 (n,) ABSENT where the datagram was not in fragments; or None: none was
    extras      int64 (n, extra hops) ABSENT where there is none; or None: none has any
    """

    definition: np.ndarray
    point: np.ndarray
    signature: np.ndarray
    time_ns: np.ndarray
    octets: np.ndarray
    last_ns: np.ndarray | None
    extras: np.ndarray | None


class Flows(NamedTuple):
    """What is known of the flows that observations refer to. Flows are numbered from 0, alike over all probes and runs.

    flow        int32 (definitions,): flow of each definition; -1: not defined yet
    reverse     int32 (flows,): the flow with addresses and ports swapped, -1 if there is none
    source, destination     int32 (flows,): numbers that are equal where the addresses are
    """

    flow: np.ndarray
    reverse: np.ndarray
    source: np.ndarray
    destination: np.ndarray


class Packets(NamedTuple):
    """Packets of one class, ordered by flow, then by reference_ns, then signature.

    flow        int32 (n,): whose it is: flow of the observation at the first hop on its way (flows.Definitions.flow)
    definition  int32 (n,): the definition that this observation refers to
    signature   uint32 (n,)
    octets      int32 (n,): there; NO_OCTETS where it did not travel
    times       int64 (n, hops): when it passed each hop, the first copy; ABSENT where it was not seen
    last        int64 (n, hops): the last fragment; ABSENT; or None: no datagram was in fragments
    points      uint8 (n, hops): the observation point, 0 where it was not seen, and for hops that have none
    copies      int32 (n,): times it was seen again at a hop that had seen it
    clash       uint8 (n,): 1 if another packet of the same key was within the match window
    reverse     uint8 (n,): 1 if its flow goes from the last hop to the first (classes with direction both)
    reference_ns    int64 (n,): when it passed the first hop on its way (the last one if reverse) that saw it
    verdict, lost_after     uint8 (n,), uint8 (n,): filled by verdicts.judge; hop number from 1, 0 if it was not lost
    """

    flow: np.ndarray
    definition: np.ndarray
    signature: np.ndarray
    octets: np.ndarray
    times: np.ndarray
    last: np.ndarray | None
    points: np.ndarray
    copies: np.ndarray
    clash: np.ndarray
    reverse: np.ndarray
    reference_ns: np.ndarray
    verdict: np.ndarray
    lost_after: np.ndarray


def chosen(observed: Observed, which: np.ndarray | slice) -> Observed:
    """The observations that `which` names: a mask, positions, or a slice."""
    return Observed(*(None if column is None else column[which] for column in observed))
