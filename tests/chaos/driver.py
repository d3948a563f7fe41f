"""A probe without packets: numbered rows at a steady pace through the real `tmon_probe.publish`.

    python -m tests.chaos.driver DIRECTORY PROBE --name NAME --rows-per-s N --seconds N

Reads DIRECTORY/tmon.xml as tmon_probe does. Writes DIRECTORY/NAME.ledger, a line of JSON whenever something has changed, each
before what it tells of can have left the process: so it is true of a driver that was killed, too. And DIRECTORY/NAME.sends, a
line for each datagram: the moment before the system call, octets. After `--seconds` no
row is added; SIGTERM: nothing more is added, it ends as soon as everything is settled, after PATIENCE_S at the latest.
Exit status: 0 everything is settled; 1 not.
"""

from __future__ import annotations

import argparse
import json
import select
import signal
import sys
from pathlib import Path

from tests.chaos.numbered import EVERY, KINDS, numbered
from tmon_common.clock import SystemClock
from tmon_common.config.read import read
from tmon_common.config.select import select_probe
from tmon_common.events.rows import rows_of
from tmon_common.pdu.header import new_run, run_ms
from tmon_common.pdu.key_file import read_keys
from tmon_probe.child.link_watch import LinkWatch
from tmon_probe.publish import Publication
from tmon_probe.publish.sender import Sender

TICK_NS = 10_000_000
PATIENCE_S = 4.0
MAX_WAIT_S = 0.05


class RecordingSender(Sender):
    """Writes down when it was told to send."""

    def __init__(self, address: str, port: int, path: Path) -> None:
        super().__init__(address, port)
        self._record = path.open("w", buffering=1 << 16)

    def send(self, datagrams, now_ns: int) -> None:
        datagrams = list(datagrams)
        super().send(datagrams, now_ns)
        self._record.writelines(f"{now_ns} {len(datagram)}\n" for datagram in datagrams)

    def flush(self) -> None:
        self._record.flush()


class Driver:
    """Adds rows until `seconds` have passed, publishes until it is stopped."""

    def __init__(self, directory: Path, probe: str, name: str, rows_per_s: float, seconds: float) -> None:
        configuration = read(directory / "tmon.xml")
        parameters = select_probe(configuration, probe)
        self._clock = SystemClock()
        self._run = new_run(self._clock.wall_ns())
        keys = None if parameters.seal == "crc" else read_keys(parameters.key)
        self._publication = Publication(parameters.publications, probe, self._run, keys, self._clock)
        self._links = LinkWatch(self._publication.publishers)
        self._senders = []
        for n, (publisher, sender) in enumerate(self._publication._members):
            sender.close()
            self._senders.append(RecordingSender(sender.address, sender.port, directory / f"{name}.sends"))
            self._publication._members[n] = (publisher, self._senders[-1])
        self._ledger = (directory / f"{name}.ledger").open("w", buffering=1)
        self._ledger_line = ""
        self._probe, self._rows_per_s, self._seconds = probe, rows_per_s, seconds
        self._added = dict.fromkeys(KINDS, 0)
        self._stop = False
        signal.signal(signal.SIGTERM, self._ask_to_stop)

    def run(self) -> bool:
        """False if something could not be settled."""
        start_ns = next_tick_ns = self._clock.monotonic_ns()
        stopped_ns, flushed = None, False
        while True:
            now_ns = self._clock.monotonic_ns()
            adding = not self._stop and now_ns - start_ns < self._seconds * 1e9
            if adding and now_ns >= next_tick_ns:
                next_tick_ns = now_ns + TICK_NS
                self._add_until(int((now_ns - start_ns) * self._rows_per_s / 1e9), now_ns)
            if not adding and not flushed:
                flushed = True
                self._publication.flush(now_ns)
            self._tell_links()
            self._publication.poll()
            self._write_ledger(adding, idle=self._publication.idle)
            if self._stop:
                if stopped_ns is None:
                    stopped_ns = now_ns
                    self._tell_links(last=True)
                    self._publication.flush(now_ns)
                if self._publication.idle or now_ns - stopped_ns > PATIENCE_S * 1e9:
                    break
            timer_ns = self._publication.next_timer(now_ns)
            waits_s = [MAX_WAIT_S, *(() if timer_ns is None else ((timer_ns - now_ns) / 1e9,)),
                       *((next_tick_ns - now_ns) / 1e9,) * adding]
            select.select(self._publication.filenos(), [], [], max(0.0, min(waits_s)))
        return self._publication.idle

    def _tell_links(self, *, last: bool = False) -> None:
        """Events of the links are published, as the child of tmon_probe does."""
        rows = rows_of(self._links.look(self._clock.monotonic_ns(), self._clock.wall_ns(), last=last), "chaos", "child")
        if rows:
            self._publication.add(rows, self._clock.monotonic_ns())

    def _add_until(self, count: int, now_ns: int) -> None:
        """So many rows of the most frequent kind in all, and of the others what belongs to them."""
        due = [(kind, self._added[kind], count // EVERY[kind] - self._added[kind]) for kind in KINDS]
        for kind, _, more in due:
            self._added[kind] += more
        self._write_ledger(adding=True, idle=False)  # these rows are not handed over yet
        for kind, first, more in due:
            if more > 0:
                self._publication.add(numbered(kind, first, more), now_ns)

    def _write_ledger(self, adding: bool, *, idle: bool) -> None:
        publishers = self._publication.publishers
        line = json.dumps({
            "probe": self._probe, "run": run_ms(self._run), "adding": adding, "idle": idle,
            "added": {kind.name: n for kind, n in self._added.items()},
            "retries": sum(p.statistics.retries for p in publishers)})
        if line != self._ledger_line:
            self._ledger_line = line
            self._ledger.write(line + "\n")
            for sender in self._senders:
                sender.flush()

    def _ask_to_stop(self, *_: object) -> None:
        self._stop = True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.driver")
    parser.add_argument("directory", type=Path)
    parser.add_argument("probe")
    parser.add_argument("--name", required=True)
    parser.add_argument("--rows-per-s", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    driver = Driver(options.directory, options.probe, options.name, options.rows_per_s, options.seconds)
    return 0 if driver.run() else 1


if __name__ == "__main__":
    sys.exit(main())
