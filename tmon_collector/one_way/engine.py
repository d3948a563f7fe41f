"""One-way classes in a collector as a state machine: blocks of observations in, settled rounds out. No I/O; times are passed in.

What it gives depends on the observations alone, not on the order in which they came, as long as no round has to be forced. A class
of which all probes have ended, and all is settled, begins anew: the next recording may be of any time (epoch).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tmon_collector.mark import Mark
from tmon_collector.one_way.awaited import Awaited
from tmon_collector.one_way.buffer import Buffer
from tmon_collector.one_way.counts import OneWayCounts
from tmon_collector.one_way.flows import Definitions
from tmon_collector.one_way.orientation import Learned
from tmon_collector.one_way.packets import NO_OCTETS, Observed, Packets
from tmon_collector.one_way.progress import EDGE_NS, FOREVER, NEVER, ProbeProgress
from tmon_collector.one_way.results import Output, Results, Round
from tmon_collector.one_way.rounds import Rounds, closed_ns, needed_from_ns
from tmon_collector.one_way.settle import horizon, settle
from tmon_collector.one_way.sources import Published
from tmon_common.config.model import SECOND, FlowClass
from tmon_common.observations import ABSENT
from tmon_common.pdu.one_way import Block
from tmon_common.pdu.one_way.layout import EXTRA, FLOW, LAST, OCTETS, POINT, SIGNATURE, TIME

LEAD_NS = 300 * SECOND
"""Packet time that is so far ahead, of the collector's clock and of what a second probe has reached, is not believed: one clock
that jumps, or one forged PDU, must not make everything late that comes after it."""
SILENT_OBSOLESCENCES = 2
"""A flow that was silent for so many times its obsolescence its probe has forgotten; seen again, it has another number."""
_ALL_BLIND = np.array([(NEVER, FOREVER)], np.int64)


class ClassEngine:
    """One class.

    probes          names of those that send to this collector; live: of these, those that capture from devices
    results         makes what packets become (again for each epoch), for the definitions given to it
    settled_ns      packets that passed before are settled; None: nothing is yet
    forced_by       the last round that was forced: probes that were not waited for, and why
    """

    def __init__(self, flow_class: FlowClass, probes: Iterable[str], results: Callable[[Definitions], Results],
                 live: Container[str] = ()) -> None:
        assert flow_class.one_way is not None, flow_class.name
        self.name, self.one_way = flow_class.name, flow_class.one_way
        self.counts = OneWayCounts()
        self.definitions = Definitions(flow_class.name)
        self._awaited = Awaited(self.definitions)
        self._silence_ns = SILENT_OBSOLESCENCES * flow_class.flows[0].obsolescence_ns + self.one_way.max_lifetime_ns
        self.epoch = 0
        self._here = {name: 0 if name in live else EDGE_NS for name in probes}
        self._make_results = results
        self._points = [[str(i), p.probe, p.interface] for i, hop in enumerate(self.one_way.hops) for p in hop.points]
        self._extras = len(self.one_way.extras)
        self._restoring = False
        self._marks: Mapping[tuple[str, str], Mark] = {}
        self._last_run_ms: dict[str, int] = {}
        self._wall_ns = FOREVER
        self._begin()

    def _begin(self) -> None:
        self.buffer = Buffer(self.one_way.max_in_flight, self._extras)
        self.progress = {p.probe: ProbeProgress(self._here[p.probe]) for p in self.one_way.points if p.probe in self._here}
        for probe, run_ms in self._last_run_ms.items():
            if probe in self.progress:
                self.progress[probe].forgotten_ms = run_ms
        self.rounds = Rounds(self.one_way)
        self._awaited.forget()
        self.learned = Learned()
        self.results = self._make_results(self.definitions)
        self.settled_ns: int | None = None
        self._made_room_ns: int | None = None
        self._settled_before_ns = NEVER
        self.forced_by: tuple[list[str], str] = ([], "")
        self._newest_ns = NEVER
        self._fronts: dict[str, int] = {}

    # ---- what comes in

    def take(self, block: Block, probe: str, run_ms: int, now_ns: int, wall_ns: int = FOREVER) -> int:
        """A PDU of this class; now_ns is monotonic, wall_ns by the clock. Returns the time of its latest observation that can be
        right, NEVER if it has none."""
        words, progress = block.words, self.progress.get(probe)
        self.counts.pdus += 1
        self.counts.observations += len(words)
        if progress is None:
            self.counts.unexpected += len(words)
            return NEVER
        first_ns, last_ns = FOREVER, NEVER
        if len(words):
            times = words[:, TIME]
            first_ns, last_ns = int(times.min()), int(times.max())
        self._wall_ns = wall_ns
        if len(words) or block.watermark_ns != ABSENT:
            self._fronts[probe] = last_ns if len(words) else block.watermark_ns
        latest_ns = self._latest_ns
        newest_ns = min(last_ns, latest_ns)
        run = progress.run(run_ms, self._latest_run_ms)
        if run is None:
            self.counts.late += len(words)
            return newest_ns
        watermark_ns = block.watermark_ns
        if watermark_ns > latest_ns:  # the clock is wrong, or was; the PDU's own observations tell what can be said
            watermark_ns = first_ns - SECOND if first_ns <= latest_ns else ABSENT
        if not run.block(block.sequence, watermark_ns, ended=block.ended, first_ns=first_ns, last_ns=last_ns,
                         count=len(words)):
            return newest_ns
        self.rounds.reached(min(run.until_ns, latest_ns), now_ns)
        if len(words):
            if self.settled_ns is not None and first_ns < self.settled_ns:
                words = self._in_time(words)
            self._append(words, probe, run_ms, newest_ns, now_ns)
            self._newest_ns = max(self._newest_ns, last_ns)
        return newest_ns

    @property
    def _latest_ns(self) -> int:
        """Later than this no packet time can be right, as far as is known."""
        second_ns = sorted(self._fronts.values())[-2] if len(self._fronts) > 1 else NEVER
        return min(max(self._wall_ns, second_ns), FOREVER - LEAD_NS) + LEAD_NS

    @property
    def _latest_run_ms(self) -> int:
        return (min(self._wall_ns, FOREVER - LEAD_NS) + LEAD_NS) // 1_000_000

    def define(self, words: np.ndarray, probe: str, run_ms: int, strings: Sequence[str]) -> np.ndarray:
        """Takes rows of flow_definition. Which of them are of this class (bool)."""
        if probe not in self.progress:
            return np.zeros(len(words), bool)
        if self.definitions.room < len(words):
            self._make_room()
        ours = self.definitions.define(words, probe, run_ms, strings)
        self.counts.definitions_forgotten = self.definitions.forgotten
        return ours

    def gap(self, probe: str, run_ms: int, sequence: int, first_ns: int, last_ns: int, pdus: int = 1) -> None:
        """The probe has given PDUs up, `sequence` and those after it, with observations from first_ns to last_ns; ABSENT: none."""
        run = self.progress[probe].run(run_ms, self._latest_run_ms) if probe in self.progress else None
        if run is not None:
            self.counts.gaps += pdus
            run.gap(sequence, first_ns, last_ns, pdus)

    def _in_time(self, words: np.ndarray) -> np.ndarray:
        kept = words[words[:, TIME] >= self.settled_ns]
        if not self._restoring:
            self.counts.late += len(words) - len(kept)
        return kept

    def _append(self, words: np.ndarray, probe: str, run_ms: int, last_ns: int, now_ns: int) -> None:
        if not len(words):
            return
        if self.definitions.room < len(words):
            self._make_room()
            if self.definitions.room < len(words):
                self.counts.undefined += len(words)
                return
        octets = words[:, OCTETS]
        last = words[:, LAST] if self.one_way.per == "datagram" else None
        extras = words[:, EXTRA : EXTRA + self._extras] if self._extras else None
        indexes = self.definitions.indexes(words[:, FLOW], probe, run_ms, last_ns, int(words[:, TIME].max()))
        self._awaited.heard(indexes, int(words[:, TIME].min()), now_ns)
        observed = Observed(
            indexes, words[:, POINT].astype(np.uint8),
            words[:, SIGNATURE].astype(np.uint32), words[:, TIME],
            np.where(octets == ABSENT, NO_OCTETS, octets).astype(np.int32),
            last if last is not None and (last != ABSENT).any() else None,
            extras if extras is not None and (extras != ABSENT).any() else None)
        if self._restoring:  # it had room before
            self.buffer.put_back(observed)
        else:
            self.counts.refused += len(words) - self.buffer.append(observed)

    # ---- what comes out

    @property
    def delivered_ns(self) -> int:
        """All probes have delivered what is before; NEVER: one was not heard of; FOREVER: all have ended."""
        return min((p.delivered_ns for p in self.progress.values()), default=NEVER)

    @property
    def waits_for(self) -> list[str]:
        """Probes that have delivered least."""
        delivered_ns = self.delivered_ns
        return [name for name, p in self.progress.items() if p.delivered_ns == delivered_ns != FOREVER]

    @property
    def waiting_since_ns(self) -> int | None:
        """Since when (monotonic) another probe has delivered what the next round needs; None: none has, or it does not wait."""
        oldest_ns, delivered_ns = self.buffer.oldest_ns, self.delivered_ns
        if oldest_ns is None or delivered_ns == FOREVER:
            return None
        return self.rounds.waits_since(self.rounds.end(max(oldest_ns, delivered_ns)))

    def tick(self, now_ns: int, wall_ns: int = FOREVER) -> Round | None:
        """The next round, if it is due. To be called again until there is none; whatever it gives must be written before."""
        self._wall_ns = wall_ns
        limit, delivered_ns = self.one_way.max_in_flight, self.delivered_ns
        newest_ns = self._newest_ns if delivered_ns == FOREVER else min(self._newest_ns, self._latest_ns)
        if newest_ns < self._newest_ns and 2 * len(self.buffer) > limit:
            self.counts.ahead += self.buffer.drop(newest_ns + 1)
            self._newest_ns = newest_ns
        held = len(self.buffer)
        due = self.rounds.due(delivered_ns, newest_ns, now_ns, short_of_room=2 * held > limit)
        settled_ns = NEVER if self.settled_ns is None else self.settled_ns
        oldest_ns = self.buffer.oldest_ns
        if oldest_ns is not None and max(oldest_ns, settled_ns) < due.until_ns:
            end_ns = min(self.rounds.end(max(oldest_ns, settled_ns)), due.until_ns)
            awaited = self._awaited.first_ns(now_ns) < horizon(end_ns, self.one_way)
            if awaited and not due.forced and not 8 * held > 7 * limit:
                return None
            return self._settle(end_ns, "max_lifetime" if due.forced else "")
        if oldest_ns is not None and 8 * held > 7 * limit:
            return self._settle(max(self.buffer.median_ns, settled_ns) + 1, "max_in_flight")
        if self.settled_ns is not None and settled_ns < due.until_ns:  # nothing was observed; but intervals may be open
            return self._settle(due.until_ns)
        if self._is_finished:
            self._reset()
        return None

    @property
    def _is_finished(self) -> bool:
        return (bool(self.progress) and self.delivered_ns == FOREVER and not len(self.buffer)
                and (self._newest_ns == NEVER or (self.settled_ns is not None and self._newest_ns < self.settled_ns)))

    @property
    def needed_from_ns(self) -> int:
        """What was observed before, a restart does not need."""
        return NEVER if self.settled_ns is None else needed_from_ns(self.one_way, self.settled_ns)

    def _settle(self, end_ns: int, forced: str = "") -> Round:
        """forced: why it does not wait for all probes."""
        if forced:
            self.forced_by = (self.waits_for, forced)
            for progress in self.progress.values():
                progress.pass_over(end_ns)
        settled = settle(self.buffer, self.definitions.flows(), self.one_way, self.learned, self._coverage(), end_ns)
        packets = settled.packets
        self.counts.rounds += 1
        self.counts.rounds_forced += bool(forced)
        self.counts.undefined += settled.undefined
        self.counts.packets += len(packets.flow)
        self._look_at(packets)
        self._settled_before_ns = NEVER if self.settled_ns is None else self.settled_ns
        self.settled_ns = end_ns
        self._awaited.settled(end_ns)
        closed = self.results.take(packets, end_ns)
        new = ((kind, self._unwritten(kind.name, packets)) for kind in self.results.packet_kinds)
        outputs = [Output(kind, partial(self.results.of_packets, kind, rest)) for kind, rest in new if len(rest.flow)]
        rows = ((kind, self._unwritten_intervals(kind.name, closed.get(kind.name, []))) for kind in self.results.interval_kinds)
        outputs += [Output(kind, partial(iter, rest)) for kind, rest in rows if rest]
        self._forget(end_ns)
        return Round(self.name, self.epoch, end_ns, self.needed_from_ns, tuple(outputs))

    def _coverage(self) -> list[np.ndarray]:
        blind = {name: progress.blind() for name, progress in self.progress.items()}
        return [blind.get(point.probe, _ALL_BLIND) for point in self.one_way.points]

    def _look_at(self, packets: Packets) -> None:
        self.counts.clashes += int(np.count_nonzero(packets.clash))
        if len(packets.flow):
            first, last = packets.times[:, 0], packets.times[:, -1]
            took_ns = np.where(packets.reverse, first - last, last - first)
            self.counts.negative += int(np.count_nonzero((first != ABSENT) & (last != ABSENT) & (took_ns < 0)))

    def _forget(self, end_ns: int) -> None:
        before_ns = needed_from_ns(self.one_way, end_ns) - self.rounds.length_ns  # of what a restart settles once more
        for name, progress in self.progress.items():
            progress.forget(before_ns)
            if progress.runs:
                self._free(self.definitions.forget_runs(name, min(r.run_ms for r in progress.runs), before_ns))
        self._free(self.definitions.forget_silent(before_ns - self._silence_ns, end_ns))

    def _make_room(self) -> None:
        if self.settled_ns is not None and self.settled_ns != self._made_room_ns:  # once a round: it looks at all of them
            self._made_room_ns = self.settled_ns
            # Rows of the intervals that are open, and of the packets that were settled last, are not made yet.
            open_ns = closed_ns(self.one_way, self.settled_ns) // self.one_way.interval_ns * self.one_way.interval_ns
            self._free(self.definitions.forget(min(open_ns, self._settled_before_ns)))
            self.counts.definitions_forgotten = self.definitions.forgotten

    def _free(self, flows: np.ndarray) -> None:
        if len(flows):
            known = flows[flows < len(self.learned.way)]
            self.learned.forget(known)
            self.results.forget(flows)

    def _reset(self) -> None:
        """Everything has ended and is settled; what comes next may be of any time."""
        if not any(p.runs for p in self.progress.values()):
            return
        for name, progress in self.progress.items():
            self._last_run_ms[name] = max((r.run_ms for r in progress.runs if r.run_ms <= self._latest_run_ms),
                                            default=progress.forgotten_ms)
            self._free(self.definitions.forget_runs(name, max(r.run_ms for r in progress.runs) + 1, FOREVER))
        self.begin_epoch(self.epoch + 1)

    def begin_epoch(self, epoch: int) -> None:
        """Forget all observations, and what was settled."""
        self.epoch = epoch
        self._begin()

    # ---- exactly once, over restarts

    def _mark(self, kind: str) -> int:
        """Rows of the kind are written that far; a round that had none left no mark of the kind itself."""
        marks = (self._marks.get((self.name, k)) for k in {kind, ""})
        return max((mark.before_ns for mark in marks if mark is not None and mark.epoch == self.epoch), default=NEVER)

    def _unwritten(self, kind: str, packets: Packets) -> Packets:
        before_ns = self._mark(kind)
        if before_ns == NEVER or not len(packets.flow):
            return packets
        new = packets.reference_ns >= before_ns
        return packets if new.all() else Packets(*(None if c is None else c[new] for c in packets))

    def _unwritten_intervals(self, kind: str, published: Sequence[Published]) -> list[Published]:
        before_ns = self._mark(kind)
        if before_ns == NEVER:
            return list(published)
        kept, written_ns = [], closed_ns(self.one_way, before_ns)
        for p in published:
            rows = p.rows
            new = rows.values["end"] > written_ns
            if new.any():
                kept.append(p if new.all() else p._replace(rows=type(rows)(rows.kind, rows.values[new], rows.strings)))
        return kept

    def state(self) -> dict[str, Any]:
        """What a restart needs beside the observations."""
        return {"points": self._points, "epoch": self.epoch, "last_runs": self._last_run_ms,
                "probes": {name: p.state() for name, p in self.progress.items()}}

    def restore(self, state: Mapping[str, Any]) -> bool:
        """Before anything else, or for a later epoch. False: it is of other points, so that nothing that was observed is of use.
        ValueError, TypeError, LookupError if it is not from `state`."""
        if state["points"] != self._points:
            return False
        self._last_run_ms = {str(p): int(r) for p, r in state["last_runs"].items()}
        self.begin_epoch(int(state["epoch"]))
        self.progress |= {name: ProbeProgress.restored(p, self._here[name]) for name, p in state["probes"].items()
                          if name in self.progress}
        self._settle_from_marks()
        return True

    def begin_restoring(self, marks: Mapping[tuple[str, str], Mark]) -> None:
        """marks: what is written. What follows until `end_restoring` was taken by an earlier start."""
        self._restoring, self._marks = True, marks
        self._settle_from_marks()

    def _settle_from_marks(self) -> None:
        settled_ns = self._mark("")
        self.settled_ns = None if settled_ns == NEVER else needed_from_ns(self.one_way, settled_ns)

    def end_restoring(self) -> None:
        self._restoring = False
