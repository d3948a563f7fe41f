"""Capture source: recordings, pcap or pcapng, plain or gzip, one after the other as if they were one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tmon_probe.father.capture import walk
from tmon_probe.father.capture.batch import Batch, CaptureError, Notice
from tmon_probe.father.capture.bpf import CaptureFilter
from tmon_probe.father.capture.formats import PcapFormat, PcapngFormat, check_capture, first_link_types, open_window, recognise
from tmon_probe.father.capture.linktypes import SUPPORTED, describe
from tmon_probe.father.capture.window import Window

MAX_OPEN = 16
"""Of so many files all are open from the beginning; of more one after the other."""


class Replay:
    """Source over recordings.

    paced_by    None: full speed. Else a function that gives monotonic ns: packets come at the pace they were recorded at.
    bpf         filter expression (libpcap's): the other packets are not there at all, as if a kernel had filtered; "" for none
    interface   name of the interface, for messages about the filter
    clock_ahead_ns  taken off the times of all packets
    CaptureError at construction if one of the files cannot be read, is no capture that can be measured, or the filter fits none of
    the link types that it declares at its start.
    """

    def __init__(self, files: tuple[Path, ...], paced_by: Callable[[], int] | None = None, *, bpf: str = "",
                 interface: str = "", clock_ahead_ns: int = 0) -> None:
        self.live = self.gone = False
        self.longest_frame = 0
        self.pause_s = 0.0
        self.paced = paced_by is not None
        self.finished = False
        self._files, self._clock, self._clock_ahead_ns = files, paced_by, clock_ahead_ns
        self._filter = CaptureFilter(interface, bpf) if bpf else None
        self._warnings: list[str] = []
        self._done_octets = 0
        self._total_octets = 0
        self._window: Window | None = None
        self._opened: dict[Path, Window] = {}  # since the check
        try:
            for path in files:
                self._check(path)
        except BaseException:
            self.close()
            raise
        self._batches = self._walk_all()
        self._waiting: Batch | None = None
        self._given = 0
        self._origin: tuple[int, int] | None = None  # (packet time, clock) of the first packet, when paced

    def next_batch(self) -> Batch | None:
        if self._waiting is None:
            self._waiting = next(self._batches, None)
            self._given = 0
            if self._waiting is None:
                self.finished = True
                return None
        if self._clock is None or not self._waiting.count:  # a filter may have left nothing of a batch
            batch, self._waiting = self._waiting, None
            return batch
        return self._due(self._waiting)

    def fileno(self) -> int:
        return -1

    def dropped(self) -> int:
        return 0

    def progress(self) -> tuple[int, int]:
        window = self._window
        return self._done_octets + (window.read_octets() if window else 0), self._total_octets

    def warnings(self) -> list[str]:
        given, self._warnings = self._warnings, []
        return given

    def notices(self) -> list[Notice]:
        return []

    def close(self) -> None:
        for window in (self._window, *self._opened.values()):
            if window:
                window.close()
        self._window = None
        self._opened.clear()

    def _check(self, path: Path) -> None:
        window = open_window(path)
        try:
            check_capture(window)
            if self._filter:
                self._filter.require_fit(first_link_types(window))
        except BaseException:
            window.close()
            raise
        self._total_octets += window.file_octets
        if path.is_file() and (len(self._files) > MAX_OPEN or path in self._opened):
            window.close()
        else:  # a pipe can be read once only; and who may open a file now may not later: a probe gives up its privileges
            self._opened[path] = window

    def _walk_all(self) -> Iterator[Batch]:
        for path in self._files:
            window = self._opened.pop(path, None) or open_window(path)
            self._window = window
            shape = recognise(window)
            try:
                yield from self._walk_pcap(window, shape) if isinstance(shape, PcapFormat) else self._walk_pcapng(window, shape)
            except (OSError, CaptureError) as error:
                self._warnings.append(f"{error}; everything before was measured")
            if window.damage:
                self._warnings.append(f"{path}: {window.damage}, in the record at octet {window.offset + window.start} (unpacked); "
                                      "everything before was measured")
            self._done_octets += window.file_octets
            window.close()
            self._window = None

    def _walk_pcap(self, window: Window, shape: PcapFormat) -> Iterator[Batch]:
        batch = Batch.empty(window.data, tuple(shape.link_types))
        self._choose_programs(shape)
        while True:
            batch.count, window.start, why = walk.walk_pcap(
                window.data, window.start, window.end, shape.big, shape.tick_ns, batch.offsets, batch.captured, batch.wire,
                batch.times_ns)
            if batch.count:
                yield self._passed(batch)
            if not self._go_on(window, why):
                return

    def _walk_pcapng(self, window: Window, shape: PcapngFormat) -> Iterator[Batch]:
        batch = Batch.empty(window.data)
        clocks, last_ns = shape.clocks, 0
        why = walk.SPECIAL_BLOCK
        unsupported: set[int] = set()
        while True:
            if why == walk.SPECIAL_BLOCK:
                if not shape.read_block(window):
                    if not self._go_on(window, walk.NEED_MORE):
                        return
                    continue
                clocks = shape.clocks
                batch.link_types = Batch.empty(window.data, tuple(shape.link_types)).link_types
                self._choose_programs(shape)
                new = set(shape.link_types) - SUPPORTED.keys() - unsupported
                if new:
                    unsupported |= new
                    self._warnings.append(f"{window.path}: packets of link type {describe(new)} are counted as other, not measured")
            batch.count, window.start, why = walk.walk_pcapng(
                window.data, window.start, window.end, shape.big, clocks, last_ns, batch.offsets, batch.captured, batch.wire,
                batch.times_ns, batch.interfaces)
            if batch.count:
                last_ns = int(batch.times_ns[batch.count - 1])
                yield self._passed(batch)
            if why != walk.SPECIAL_BLOCK and not self._go_on(window, why, shape):
                return

    def _choose_programs(self, shape: PcapFormat | PcapngFormat) -> None:
        if self._filter:
            self._filter.choose(shape.link_types, shape.big)
            self._warnings += self._filter.warnings()

    def _passed(self, batch: Batch) -> Batch:
        if self._clock_ahead_ns:
            batch.times_ns[: batch.count] -= self._clock_ahead_ns
        if self._filter:
            self._filter.apply(batch)
        return batch

    def _go_on(self, window: Window, why: int, shape: PcapngFormat | None = None) -> bool:
        """After a walk stopped for `why`: True if there is more to walk (the window has been refilled where needed)."""
        if why == walk.BATCH_FULL:
            return True
        position = window.offset + window.start
        if why == walk.CORRUPT:
            self._warnings.append(f"{window.path}: damaged at octet {position} (a record with impossible lengths); "
                                  "everything before was measured")
            return False
        if why == walk.LARGE_BLOCK and shape:
            missing = window.skip(shape.block_octets(window))
            if missing:
                self._warnings.append(f"{window.path}: cut in the block at octet {position}: {missing} octets are missing; "
                                      "everything before was measured")
            return not missing
        if not window.at_end:
            window.refill()
            return True
        left = window.end - window.start
        if left and not window.damage:
            self._warnings.append(f"{window.path}: cut in mid-packet: only {left} octets of the record at octet {position}; "
                                  "everything before was measured")
        return False

    def _due(self, batch: Batch) -> Batch | None:
        """The packets of `batch` whose time has come at the recording's own pace, as a batch of views; None if none."""
        now = self._clock()
        if self._origin is None:
            self._origin = (int(batch.times_ns[0]), now)
        reached = self._origin[0] + now - self._origin[1]
        times = batch.times_ns[self._given : batch.count]
        late = times > reached
        count = int(late.argmax()) if late.any() else len(times)
        if not count:
            return None
        part = slice(self._given, self._given + count)
        self._given += count
        if self._given == batch.count:
            self._waiting = None
        columns = (c[part] for c in (batch.offsets, batch.captured, batch.wire, batch.times_ns, batch.interfaces))
        return Batch(batch.data, *columns, link_types=batch.link_types, count=count)
