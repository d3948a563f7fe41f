"""A collector killed between any two system calls that write, over and over: each row once, and every acknowledged row there."""

import errno
import os
import random
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.keys import collector_sessions, probe_session
from tests.unit.collector.make import pdu_of
from tmon_collector import journal, spool_file
from tmon_collector.decode import Decoding
from tmon_collector.spool import Spool, SpoolError
from tmon_common.clock import FakeClock
from tmon_common.config.model import Collector
from tmon_common.observations import IP_COUNTERS, UDP_COUNTERS
from tmon_common.pdu.ack import parse_acks
from tmon_common.pdu.header import ACK

HERE = ("127.0.0.1", 4000)


class Killed(BaseException):
    """Nothing after this call is carried out."""


class Calls:
    """The module `os` for spool and journal, and `patched()` for what they do by Path: after `left` calls that change something,
    the process is killed; some fail before that."""

    CHANGING = ("open", "pwrite", "ftruncate", "fsync", "rename", "unlink")

    def __init__(self, chance):
        self.left, self.failing, self._chance = None, 0.0, chance

    def __getattr__(self, name):
        call = getattr(os, name)
        return (lambda *a: self._change(call, name, *a)) if name in self.CHANGING else call

    @contextmanager
    def patched(self):
        saved = journal.os, spool_file.os, Path.rename, Path.unlink
        journal.os = spool_file.os = self
        Path.rename = lambda path, to: self._change(saved[2], "rename", path, to)
        Path.unlink = lambda path, missing_ok=False: self._change(saved[3], "unlink", path, missing_ok)
        try:
            yield
        finally:
            journal.os, spool_file.os, Path.rename, Path.unlink = saved

    def _change(self, call, name, *a):
        if self.left is not None:
            if self.left <= 0:
                raise Killed
            self.left -= 1
            if name == "pwrite" and self.left == 0:
                call(a[0], a[1][: self._chance.randrange(len(a[1]) + 1)], a[2])  # in the middle of it
                raise Killed
        if name != "ftruncate" and self._chance.random() < self.failing:  # to cut a file needs no room
            if name == "pwrite":
                call(a[0], a[1][: len(a[1]) // 2], a[2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return call(*a)


def acknowledged(answers):
    found = set()
    for answer, _ in answers:
        pdu_type, content = probe_session(keys=None).open(answer)
        if pdu_type == ACK:
            found.update(parse_acks(content))
    return found


def let_go(directory):
    """What the system does when a process dies: its descriptors are closed, and so its lock is gone."""
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            if str(descriptor.readlink()).startswith(directory):
                os.close(int(descriptor.name))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.1, 0.4]), st.booleans())
def test_exactly_once(seed, failing, sync):
    """Loss of answers, rotation, failing calls, snapshots, kills; then everything that was not acknowledged is sent again."""
    chance = random.Random(seed)
    calls = Calls(chance)
    kinds = (IP_COUNTERS, UDP_COUNTERS)
    rows = {i: (kinds[chance.randrange(2)], list(range(10 * i, 10 * i + chance.randrange(1, 5)))) for i in range(30)}
    waiting, heard = set(rows), set()
    with tempfile.TemporaryDirectory() as directory:
        clock = FakeClock()
        parameters = Collector("c", "", 0, Path(directory), rotate_ns=10**9, sync=sync)
        with calls.patched():
            for start in range(8):
                last = start == 7
                calls.left, calls.failing = None if last else chance.randrange(1, 60), 0.0 if last else failing
                spool = None
                with suppress(Killed, SpoolError):
                    spool = Spool(parameters, clock)
                    decoding = Decoding(["probe"], collector_sessions(keys=None), spool)
                    decoding.restore(spool.take_remembered())
                    spool.state = decoding.state
                    spool.compact()
                    while waiting if last else True:
                        sent = chance.sample(sorted(rows), 6) if not last else sorted(waiting)
                        datagrams = [(pdu_of(i, rows[i][1], rows[i][0], behind=i), HERE) for i in sent]
                        acked = acknowledged(decoding.handle(datagrams, 0, clock.wall_ns()))
                        heard |= acked
                        waiting -= acked
                        clock.advance(chance.choice([0, 10**8, 10**9]))
                        if chance.random() < 0.1:
                            clock.step(-chance.choice([10**8, 10**9, 10**10]))
                        spool.rotate()
                        if chance.random() < 0.2:
                            spool.compact()
                    spool.close()
                calls.left, calls.failing = None, 0.0
                let_go(directory)
        for kind in kinds:
            flows = sorted(int(line.split(",")[2]) for f in Path(directory).glob(f"{kind.name}.*.csv")
                           for line in f.read_text().splitlines()[1:])
            assert flows == sorted(flow for k, of_pdu in rows.values() if k is kind for flow in of_pdu)
        assert not list(Path(directory).glob("*.part"))
