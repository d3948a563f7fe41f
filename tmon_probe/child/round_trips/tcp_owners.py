"""To which flow the round trips of TCP connections count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from tmon_common.analyses.built_in import METRICS
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.round_trips.sample import FORGOTTEN, OWNER, TCP_HANDSHAKE_SERVER

if TYPE_CHECKING:
    from tmon_probe.child.tcp.connections import Connections

Found = tuple[np.ndarray, np.ndarray]
_FIRST_SLOTS = 1024


class TcpOwners:
    """Of one granular flow definition. metrics: names of those that are looked for.

    A round trip counts to the flow of the packet that answered. A handshake without an answer has no such packet: it counts to the
    flow of the packet that began its connection, which is remembered by the connection's slot.
    """

    def __init__(self, connections: Connections, number: int, metrics: Iterable[str]) -> None:
        self._connections, self._number = connections, number
        self._wanted = np.zeros(len(METRICS), np.uint8)
        self._wanted[[METRICS.index(m) for m in metrics]] = 1
        connections.want(set(metrics))
        connections.listen(self._on_ended)
        self._ended: list[tuple[np.ndarray, np.ndarray]] = []  # serials, and OWNER of their clients, until `aged` asks
        self._openers = np.zeros(_FIRST_SLOTS, OWNER)  # of each slot: flow and way of its client

    def process(self, batch: FlowBatch) -> Found:
        """SAMPLE (k,) of the batch and, beside them, OWNER (k,)."""
        opened = self._connections.opened
        if len(opened):
            self._remember(opened, self._connections.opened_by, batch)
        samples = self._connections.samples
        owners = np.empty(len(samples), OWNER)
        if len(samples):
            own_answers(samples, batch.flow[self._number], batch.direction[self._number], batch.numbers, self._wanted, owners)
        return samples, owners

    def aged(self, now_ns: int) -> Found:
        """Handshakes given up by the connections at packet time now_ns."""
        samples, serials = self._connections.samples_aged, self._connections.serials_aged
        owners = np.empty(len(samples), OWNER)
        if len(samples):
            owners[:] = self._openers_of(serials)
            owners["way"] ^= samples["metric"] != TCP_HANDSHAKE_SERVER
            owners["counted_ns"] = np.maximum(samples["time_ns"], now_ns)  # packet time may be that of an earlier recording
            owners["flow"][self._wanted[samples["metric"]] == 0] = -1
        self._ended.clear()
        return samples, owners

    def retire(self, entries: np.ndarray) -> None:
        """These flow entries (int32) are about to be reused: handshakes of theirs go by the number of the flow alone."""
        flows = self._openers["flow"]
        flows[np.isin(flows, entries)] = FORGOTTEN

    def _on_ended(self, states: np.ndarray) -> None:
        states = states[states["established_ns"] == 0]
        self._ended.append((states["serial"], self._openers[states["slot"]]))  # now: the slots may be of others soon

    def _remember(self, slots: np.ndarray, by: np.ndarray, batch: FlowBatch) -> None:
        highest = int(slots.max())
        if highest >= len(self._openers):
            openers = np.zeros(max(2 * len(self._openers), highest + 1), OWNER)
            openers[: len(self._openers)] = self._openers
            self._openers = openers
        flow = batch.flow[self._number][by]
        self._openers["flow"][slots] = flow
        self._openers["number"][slots] = batch.numbers[flow] if len(batch.numbers) else 0
        self._openers["way"][slots] = batch.direction[self._number][by] ^ self._connections.from_server[by]

    def _openers_of(self, serials: np.ndarray) -> np.ndarray:
        """OWNER of each connection (int64), which are among those that have just ended."""
        known, openers = (np.concatenate(parts) for parts in zip(*self._ended, strict=True))
        order = np.argsort(known)
        return openers[order[np.searchsorted(known, serials, sorter=order)]]


@njit(cache=True, nogil=True, _nrt=False)
def own_answers(samples, flow, direction, numbers, wanted, owners):
    """OWNER of each SAMPLE: the flow of the packet that answered, asked in the other direction than that went. flow, direction,
    numbers: of FlowBatch, for one granular flow definition; wanted: uint8, by metric."""
    for k in range(len(samples)):
        found = samples[k]
        f = flow[found.record] if found.record >= 0 else -1
        owner = owners[k]
        owner.flow = -1
        if f >= 0 and wanted[found.metric]:
            owner.flow = f
            owner.number = numbers[f]
            owner.way = direction[found.record] ^ 1
            owner.counted_ns = found.time_ns + max(found.round_trip_ns, 0)
