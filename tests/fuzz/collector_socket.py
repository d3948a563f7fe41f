"""Hostile datagrams at the socket of a real tmon_collector: everything is accounted for, nothing but sound rows is written.

    python -m tests.fuzz.collector_socket [--datagrams 1000000] [--seed 1]

The datagrams go over loopback in batches, from several source addresses; after each batch a heartbeat is sent, whose answer says
that the collector has read everything before (one queue, in order), so that the kernel never has to drop any: its counter proves
it. Exit status 1 if anything is not as promised.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import select
import socket
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.hostile_datagrams import MAD, PLAIN, SEALED, UNDECIDED, Hostile, Source
from tests.keys import key_file
from tests.pipeline.probe_process import Program, start_collector
from tmon_common.pdu.header import HEARD, new_run

PORT_LIMIT_S = 10.0
BATCH = 100
BATCH_OCTETS = 400_000  # a tenth of the receive buffer; the kernel counts some 1 to 2 octets for each
SOURCES = ("127.0.0.1", "127.0.0.2", "127.77.0.1", "127.255.255.254")
TO_ITSELF = 20
"""Datagrams whose source is the collector's own socket: it answers itself once, and that answer is no question."""
WARM_UP = 0.1
"""Part of the datagrams after which memory is measured first; tables fill and the allocator's arenas grow before."""
MAX_GROWTH_OCTETS = 24 << 20
"""From there to the end: tables that a genuine but mad probe may fill are bounded (16 runs with keys, 65,536 counters of older
ones at some 200 octets, 8 runs with 4,096 ranges each: 17 MB), and so is the text of a gathering. Of what is refused, nothing
stays."""
SEALING = ("short", "corrupt", "replayed")
"""Which of these it is depends on where the damage is; together they are what was expected of each."""

CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="all"><flow name="conversation" fields="src_addr dst_addr"/><analysis kind="ip_counters"/></flow_class>
  </flow_classes>
  <collectors>
    <collector name="collector" address="127.0.0.1" port="{port}"><spool directory="spool" rotate="1h"/></collector>
  </collectors>
  <probes>
    <probe name="sealed"><interface name="lan" device="lo"/><publish collector="collector"/></probe>
    <probe name="mad"><interface name="lan" device="lo"/><publish collector="collector"/></probe>
    <probe name="plain" seal="crc"><interface name="lan" device="lo"/><publish collector="collector"/></probe>
  </probes>
</trafmon>
"""


@dataclass
class Outcome:
    """faults: what was not as promised, in words. counted: what the collector told, by reason; expected: what it had to."""

    datagrams: int = 0
    octets_in: int = 0
    octets_out: int = 0
    answers: int = 0
    growth_octets: int = 0
    kernel_drops: int = 0
    rows: int = 0
    rows_of_mad: int = 0
    seconds: float = 0.0
    expected: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Attack:
    """One run against one collector. directory gets configuration, keys, spool and messages."""

    def __init__(self, directory: Path, datagrams: int, seed: int) -> None:
        self._directory, self._datagrams = directory, datagrams
        self._source = Source(seed, new_run(time.time_ns()))
        self.outcome = Outcome()
        self._heard = 0  # answers to heartbeats
        self._heartbeats = Counter[int]()  # by socket, in flight

    def run(self) -> Outcome:
        with ExitStack() as exits:
            self._open_sockets(exits)
            start = time.monotonic()
            collector = exits.enter_context(self._start())
            self._bombard(collector)
            collector.process.terminate()
            status = collector.wait(PORT_LIMIT_S)
            self.outcome.seconds = time.monotonic() - start
            self._judge(status, collector.messages)
        return self.outcome

    def _open_sockets(self, exits: ExitStack) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
            found.bind(("127.0.0.1", 0))
            self._port = found.getsockname()[1]
        self._sockets = [exits.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in SOURCES]
        for one, address in zip(self._sockets, SOURCES, strict=True):
            one.bind((address, 0))
            one.connect(("127.0.0.1", self._port))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

    def _start(self) -> Program:
        (self._directory / "tmon.xml").write_text(CONFIGURATION.format(port=self._port))
        for probe, key in self._source.keys.items():
            key_file(self._directory, probe, (key,))
        return start_collector(self._directory)

    def _bombard(self, collector: Program) -> None:
        warm, warm_octets, sent = max(1, int(self._datagrams * WARM_UP)), None, 0
        self._to_itself()
        while sent < self._datagrams:
            batch = self._source.next(min(BATCH, self._datagrams - sent))
            sent += len(batch)
            for part in _portions(batch):
                self._send(part)
            if sent >= warm and warm_octets is None:
                warm_octets = _resident_octets(collector.process.pid)
        self.outcome.growth_octets = _resident_octets(collector.process.pid) - warm_octets
        self.outcome.kernel_drops = _kernel_drops(self._port)

    def _send(self, batch: list[Hostile]) -> None:
        """A batch from one source, and a heartbeat behind it; then all answers. More octets than went in must not come out."""
        out = self.outcome
        one = self._sockets[out.datagrams // BATCH % len(self._sockets)]
        batch = [*batch, self._source.heartbeat(PLAIN)]
        before = out.octets_in, out.octets_out
        for octets, counts_as in batch:
            one.send(octets)
            out.octets_in += len(octets)
            out.expected[counts_as] += 1
        out.datagrams += len(batch)
        self._take_answers(one, sum(counts_as == "heard" for _, counts_as in batch))
        came, went = out.octets_in - before[0], out.octets_out - before[1]
        if went > came:
            out.faults.append(f"{went} octets answered to {came}")

    def _take_answers(self, one: socket.socket, heartbeats: int) -> None:
        """Until so many heartbeats are answered, the last of which came behind everything else."""
        limit = time.monotonic() + PORT_LIMIT_S
        while heartbeats > 0:
            if not select.select([one], [], [], max(0.0, limit - time.monotonic()))[0]:
                raise AssertionError(f"the collector does not answer any more, after {self.outcome.datagrams} datagrams")
            answer = one.recv(65_535)
            self.outcome.answers += 1
            self.outcome.octets_out += len(answer)
            if answer[2] & 15 == HEARD:
                self._heard += 1
                # Those of the mad probe are answered as well; they were not counted on.
                heartbeats -= self._is_expected(answer)

    def _is_expected(self, answer: bytes) -> bool:
        return int.from_bytes(answer[4:8]) != self._source.number(MAD)

    def _to_itself(self) -> None:
        """From the collector's own address and port, by a raw socket (where that is allowed)."""
        try:
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        except PermissionError:
            print("no datagrams from the collector's own address: raw sockets need root", file=sys.stderr)
            return
        with raw:
            for _ in range(TO_ITSELF):
                octets = self._source.heartbeat(PLAIN).octets
                udp = struct.pack("!HHHH", self._port, self._port, 8 + len(octets), 0) + octets
                here = socket.inet_aton("127.0.0.1")
                raw.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, 17, 0, here, here) + udp, ("127.0.0.1", 0))
                self.outcome.datagrams += 2
                self.outcome.expected["heard by itself"] += 1
                self.outcome.expected["type"] += 1

    # ---- verdict

    def _judge(self, status: int, messages: str) -> None:
        out, expected = self.outcome, self.outcome.expected
        told = told_by(messages)
        out.counted = told
        if status != 0 or "Traceback" in messages:
            out.faults.append(f"exit status {status}: {messages[-1500:]}")
        if out.kernel_drops:
            out.faults.append(f"{out.kernel_drops} datagrams dropped by the kernel: nothing was proved")
        if out.growth_octets > MAX_GROWTH_OCTETS:
            out.faults.append(f"memory grew by {out.growth_octets} octets")
        for reason in ("oversized", "foreign", "version", "type", "unknown_probe", "unsealed", "no_key"):
            if told[reason] != expected[reason]:
                out.faults.append(f"{told[reason]} counted as {reason}, {expected[reason]} were")
        sealing = sum(told[reason] for reason in SEALING)
        least = expected["sealing"] + expected["short"] + expected["replayed"]
        if not least <= sealing <= least + expected[UNDECIDED]:
            out.faults.append(f"{sealing} counted as one of {SEALING}, {least} were, and some of {expected[UNDECIDED]} more")
        accounted = told.total() - told["rows"] + self._heard + expected["heard by itself"]
        if accounted != out.datagrams:
            out.faults.append(f"{out.datagrams} datagrams, {accounted} accounted for: {dict(told)}, {self._heard} heartbeats heard")
        self._judge_rows()

    def _judge_rows(self) -> None:
        out = self.outcome
        found = {SEALED: Counter[str](), PLAIN: Counter[str]()}
        for kind, row in _spool_rows(self._directory / "spool"):
            if row["probe"] == MAD:
                out.rows_of_mad += 1
            elif kind == "ip_counters" and row["probe"] in found:
                found[row["probe"]][row["flow"]] += 1
            elif row["probe"] != "collector":
                out.faults.append(f"{kind}: a row of nobody: {row}")
        for probe, flows in found.items():
            out.rows += flows.total()
            wanted = Counter(map(str, self._source.rows[probe]))
            if flows != wanted:
                out.faults.append(f"{probe}: {(wanted - flows).total()} rows missing, {(flows - wanted).total()} too many")


def told_by(messages: str) -> Counter[str]:
    """What a collector told on its log, by reason; `not understood`, `pdus`, `duplicates` and `rows`.

    At its end it tells all in one line; one that does not has told everything now and then.
    """
    told = Counter[str]()
    in_all, now_and_then = "datagrams that changed nothing, in all: ", "datagrams that changed nothing: "
    heading = in_all if in_all in messages else now_and_then
    for line in messages.splitlines():
        if heading in line:
            for part in line.partition(heading)[2].split(", "):
                count, _, what = part.partition(" ")
                told["not understood" if what.endswith("not understood") else what] += int(count)
        if found := re.search(r"stopped; (\d+) rows of (\d+) PDUs written, (\d+) duplicates", line):
            told["rows"], told["pdus"], told["duplicates"] = map(int, found.groups())
    return told


def _portions(batch: list[Hostile]) -> Iterator[list[Hostile]]:
    """Such that each fits in the receive buffer."""
    portion, octets = [], 0
    for one in batch:
        if octets + len(one.octets) > BATCH_OCTETS and portion:
            yield portion
            portion, octets = [], 0
        portion.append(one)
        octets += len(one.octets)
    yield portion


def _resident_octets(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _kernel_drops(port: int) -> int:
    """Of the socket on that port, proc(5)."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[2].endswith(":0000"):
            return int(fields[-1])
    raise AssertionError(f"no socket on port {port}")


def _spool_rows(spool: Path) -> Iterator[tuple[str, dict[str, str]]]:
    csv.field_size_limit(1 << 24)
    for path in sorted(spool.glob("*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file, strict=True):
                if None in row or None in row.values():
                    raise AssertionError(f"{path.name}: a line of the wrong length: {row}")
                yield path.name.partition(".")[0], row


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.collector_socket", description="Hostile datagrams at a collector.")
    parser.add_argument("--datagrams", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-") as directory:
        out = Attack(Path(directory), options.datagrams, options.seed).run()
    print(f"{out.datagrams:,} datagrams in {out.seconds:.0f} s, {out.octets_in:,} octets in; {out.answers:,} answers, "
          f"{out.octets_out:,} octets out; kernel drops {out.kernel_drops}; memory +{out.growth_octets / 1e6:.1f} MB after warm-up")
    print(f"rows: {out.rows:,} sound ones, each once; {out.rows_of_mad:,} of the probe gone mad")
    print("expected:", ", ".join(f"{n:,} {what}" for what, n in out.expected.most_common()))
    print("told:", ", ".join(f"{n:,} {what}" for what, n in out.counted.most_common()))
    for fault in out.faults:
        print("BAD:", fault)
    return 1 if out.faults else 0


if __name__ == "__main__":
    sys.exit(main())
