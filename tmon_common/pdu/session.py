"""A probe's side of sealing: one run towards one collector."""

from __future__ import annotations

from collections import OrderedDict

from tmon_common.pdu.error import PduError
from tmon_common.pdu.header import ANSWERS, HEADER_OCTETS, MAX_COUNTER, Header, pack_header, parse_header, probe_number
from tmon_common.pdu.keys import Keys
from tmon_common.pdu.replay import ReplayWindow
from tmon_common.pdu.seal import AeadSeal, CrcSeal, Seal

MAX_INSTANCES = 64  # starts of the collector whose answers are remembered as seen


def question_nonce(counter: int) -> bytes:
    """Of what a probe sends: its counter. The key is of one run and collector alone."""
    return counter.to_bytes(12, "big")


def answer_nonce(instance: int, counter: int) -> bytes:
    """Of answers: the start of the collector (a random number) and its counter since then, below 2^32."""
    return instance.to_bytes(8, "big") + counter.to_bytes(4, "big")


class ProbeSession:
    """probe, collector: names; run: header.new_run. keys: of the probe's file, None to close by CRC-32C alone.

    octets  header and seal of any PDU
    """

    def __init__(self, probe: str, run: int, collector: str, keys: Keys | None) -> None:
        self._probe, self._run, self._collector = probe_number(probe), run, collector
        self._counter = 0
        self._windows: OrderedDict[int, ReplayWindow] = OrderedDict()
        self.set_keys(keys)
        self.octets = HEADER_OCTETS + self._seal.octets

    def set_keys(self, keys: Keys | None) -> None:
        """Seals with the newest from now on, accepts answers under each. (With keys it stays so.)"""
        self._key, self._seal = 0, CrcSeal()
        self._answers: dict[int, Seal] = {0: CrcSeal(self._run.to_bytes(8, "big"))} if keys is None else {}
        for key in keys or ():
            question, answer = key.derive(self._probe, self._run, self._collector)
            self._key, self._seal = key.id, AeadSeal(question)
            self._answers[key.id] = AeadSeal(answer)

    def close(self, pdu_type: int, content: bytes) -> bytes:
        """A datagram, different from every other one of this run. OverflowError when there can be no more."""
        if self._counter > MAX_COUNTER:
            raise OverflowError("a run of so many datagrams has to end")
        header = pack_header(Header(pdu_type, self._key, self._probe, self._run, self._counter))
        nonce = question_nonce(self._counter)
        self._counter += 1
        return self._seal.close(header, nonce, content)

    def open(self, datagram: bytes) -> tuple[int, bytes]:
        """(type, content) of an answer to this run. PduError when it is anything else."""
        header = parse_header(datagram)
        if header.type not in ANSWERS:
            raise PduError("type", str(header.type))
        if header.probe != self._probe:
            raise PduError("unknown_probe")
        seal = self._answers.get(header.key)
        if seal is None:
            raise PduError("unsealed" if header.key == 0 or 0 in self._answers else "no_key")
        if len(datagram) < HEADER_OCTETS + seal.octets:
            raise PduError("short")
        if header.counter >> 32:
            raise PduError("corrupt")
        window = self._windows.get(header.run) or ReplayWindow()
        if header.key and not window.fresh(header.counter):
            raise PduError("replayed")
        content = seal.open(datagram[:HEADER_OCTETS], answer_nonce(header.run, header.counter), datagram)
        if header.key:
            window.take(header.counter)
            self._windows[header.run] = window
            if len(self._windows) > MAX_INSTANCES:
                self._windows.popitem(last=False)
        return header.type, content
