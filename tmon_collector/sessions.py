"""The collector's side of sealing: every declared probe, each of its runs."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from tmon_common.pdu.error import PduError
from tmon_common.pdu.header import HEADER_OCTETS, QUESTIONS, Header, pack_header, parse_header, probe_number
from tmon_common.pdu.keys import Key, Keys
from tmon_common.pdu.replay import ReplayWindow
from tmon_common.pdu.seal import AeadSeal, CrcSeal, Seal
from tmon_common.pdu.session import answer_nonce, question_nonce

MAX_RUNS = 16  # of one probe, whose derived keys and windows are kept: the longest silent goes first
MAX_COUNTERS = 1 << 16  # runs of all probes of which only the largest counter is remembered


class Opened(NamedTuple):
    """A genuine PDU. probe: its number; run: as in the header."""

    type: int
    probe: int
    run: int
    content: bytes


class _Run:
    """What is kept of one run. seals: by id of the key, those of questions and answers; key: which the probe used last."""

    def __init__(self, highest: int) -> None:
        self.window = ReplayWindow(highest)
        self.seals: dict[int, tuple[Seal, Seal]] = {}
        self.key = 0


class Sessions:
    """collector: its name; keys: of each declared probe, by name; None for those that go by CRC-32C alone, () where none is known.

    Nothing is kept of datagrams that are not genuine.
    """

    def __init__(self, collector: str, keys: Mapping[str, Keys | None]) -> None:
        self._collector = collector
        self._keys: dict[int, dict[int, Key] | None] = {}
        self._runs: dict[int, OrderedDict[int, _Run]] = {}
        self._counters: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._instance, self._counter = secrets.randbits(64), 0
        for probe, of_probe in keys.items():
            self.set_keys(probe, of_probe)

    def proves(self, probe: int) -> bool:
        """Whether what is opened of a declared probe is surely of that probe: not under a CRC."""
        return self._keys[probe] is not None

    def set_keys(self, probe: str, keys: Keys | None) -> None:
        """The key file of a probe has changed."""
        number = probe_number(probe)
        self._keys[number] = None if keys is None else {key.id: key for key in keys}
        for run in self._runs.get(number, {}).values():
            run.seals.clear()

    def open(self, datagram: bytes) -> Opened:
        """A question of a declared probe. PduError when it is anything else, or was seen before."""
        header = parse_header(datagram)
        if header.type not in QUESTIONS:
            raise PduError("type", str(header.type))
        if header.probe not in self._keys:
            raise PduError("unknown_probe")
        keys = self._keys[header.probe]
        if (keys is None) != (header.key == 0):
            raise PduError("unsealed")
        if keys is not None and header.key not in keys:
            raise PduError("no_key")
        runs = self._runs.get(header.probe)
        run = runs.get(header.run) if runs else None
        if run is None:
            run = _Run(self._counters.get((header.probe, header.run), -1))
        if header.key and not run.window.fresh(header.counter):
            raise PduError("replayed")
        question = (run.seals.get(header.key) or self._derive(header, run))[0]
        if len(datagram) < HEADER_OCTETS + question.octets:
            raise PduError("short")
        content = question.open(datagram[:HEADER_OCTETS], question_nonce(header.counter), datagram)
        run.key = header.key
        run.window.take(header.counter)
        self._keep(header, run)
        return Opened(header.type, header.probe, header.run, content)

    def close(self, probe: int, run: int, pdu_type: int, content: bytes) -> bytes:
        """The datagram of an answer to a run of which something genuine was opened since `forget`. KeyError for any other."""
        if self._counter >> 32:
            self._instance, self._counter = secrets.randbits(64), 0
        of_run = self._runs[probe][run]
        header = Header(pdu_type, of_run.key, probe, self._instance, self._counter)
        nonce = answer_nonce(self._instance, self._counter)
        self._counter += 1
        return of_run.seals[of_run.key][1].close(pack_header(header), nonce, content)

    def counter(self, probe: int, run: int) -> int:
        """Largest counter seen of a run; -1 for none."""
        of_run = self._runs.get(probe, {}).get(run)
        return of_run.window.highest if of_run else self._counters.get((probe, run), -1)

    def restore(self, probe: int, run: int, counter: int) -> None:
        """What an earlier start of this collector has seen of a run: up to this counter, nothing is taken again."""
        self._counters[probe, run] = counter
        if len(self._counters) > MAX_COUNTERS:
            self._counters.popitem(last=False)

    def _derive(self, header: Header, run: _Run) -> tuple[Seal, Seal]:
        if header.key == 0:
            seals: tuple[Seal, Seal] = CrcSeal(), CrcSeal(header.run.to_bytes(8, "big"))
        else:
            question, answer = self._keys[header.probe][header.key].derive(header.probe, header.run, self._collector)
            seals = AeadSeal(question), AeadSeal(answer)
        run.seals[header.key] = seals
        return seals

    def _keep(self, header: Header, run: _Run) -> None:
        runs = self._runs.setdefault(header.probe, OrderedDict())
        runs[header.run] = run
        runs.move_to_end(header.run)

    def forget(self) -> None:
        """Answers are sent: of each probe's runs, those silent for longest go. To be called after every batch."""
        for probe, runs in self._runs.items():
            while len(runs) > MAX_RUNS:
                gone, forgotten = runs.popitem(last=False)
                if forgotten.key:  # a CRC proves nothing; forged runs must not displace counters
                    self.restore(probe, gone, forgotten.window.highest)
