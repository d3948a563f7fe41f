"""The play: one case after the other, each with packets of its own, and something that goes wrong meanwhile.

Between and around them pass a few packets over links that lose nothing: they prove that the probes observe.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from pathlib import Path

from tests.linkemu import Impairment
from tests.one_way_lab.judge import SEEING, packet_rows
from tests.one_way_lab.site import Site
from tests.one_way_lab.taps import NOT_TRUSTED
from tests.one_way_lab.topology import COLLECTORS, SITES, Lab, lab
from tests.one_way_lab.traffic import Exchange, Times, ports, settle, transfer
from tests.one_way_lab.truth import Packet, Truth, truth
from tests.pipeline.probe_process import until

BAD = Impairment(delay_ns=3_000_000, jitter_ns=1_000_000, loss=0.03, duplicate=0.03, reorder=0.05, reorder_extra_ns=8_000_000)
CONTROL_BAD = Impairment(delay_ns=20_000_000, jitter_ns=30_000_000, loss=0.3, duplicate=0.1, reorder=0.3,
                         reorder_extra_ns=150_000_000)
EVEN = Impairment(delay_ns=3_000_000, loss=0.03, duplicate=0.03)
"""Without overtaking: it is well known when a packet that nobody saw must have passed, and on which side of a gap."""
GOOD = Impairment()
SENT_IN_SILENCE = 250
GIVEN_UP = 400
"""Observations, at least, for both collectors and classes together."""
C_BLIND = frozenset({3})
"""Hop c, by its position."""


class Case(IntEnum):
    """Number of a case: which packets are its."""

    PROOF = 0
    CONTROL = 1
    SILENT = 2
    BEFORE_KILL = 3
    KILLED = 4
    AFTER_KILL = 5
    COLLECTOR = 6
    PLAIN = 7
    TCP = 8
    GIVEN_UP = 9


@dataclass
class Played:
    """directory: of collectors' spools. while_silent: rows of class all that were there before the silent probe was heard again.
    overloaded: what links or probes did not keep up with."""

    directory: Path
    truth: Truth
    told: str
    while_silent: dict[str, int] = field(default_factory=dict)
    overloaded: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def blind(packet: Packet) -> Iterable[frozenset[int]]:
        """While c was dead, it saw nothing. What it saw was told before it was killed; but not that it saw nothing else. What it
        was to give up may have come nevertheless."""
        if packet.case == Case.KILLED:
            return (C_BLIND,)
        if packet.case == Case.GIVEN_UP:
            return (*SEEING, C_BLIND)
        return (*SEEING, C_BLIND) if packet.case == Case.BEFORE_KILL and packet.seen[-1] is None else SEEING


def play(directory: Path) -> Played:
    """Everything, from the first cable to the last file."""
    times, while_silent = Times(), {}
    with ExitStack() as exits:
        at = exits.enter_context(lab(directory))
        site = exits.enter_context(Site(at, directory))
        exchanges = {case: exits.enter_context(Exchange(at, case, times)) for case in Case if case is not Case.TCP}
        actors = _Actors(at, site, exchanges)
        actors.prove()
        actors.control_network_is_bad()
        while_silent = actors.probe_is_silent()
        actors.probe_is_killed()
        actors.collector_is_killed()
        actors.plain()
        actors.observations_are_given_up()
        actors.prove(Case.GIVEN_UP)
        overloaded = {f"kernel_drops of probe {name}": drops for name, probe in site.probes.items()
                      if (drops := probe.numbers()["kernel_drops"])}
        site.stop_probes(*SITES)
        site.stop_collectors()
        told = site.told()
    overloaded |= {f"{name} of {link.config.directory.name}": link.totals[name]
                   for link in (at.link1, at.link2) for name in NOT_TRUSTED if link.totals[name]}
    return Played(directory, truth(directory, times), told, while_silent, overloaded)


class _Actors:
    def __init__(self, at: Lab, site: Site, exchanges: dict[Case, Exchange]) -> None:
        self._lab, self._site, self._exchanges = at, site, exchanges

    def prove(self, case: Case = Case.PROOF) -> None:
        """That all places observe: some packets over good links."""
        self._send(case, GOOD, udp=20)

    def control_network_is_bad(self) -> None:
        """PDUs and acknowledgements are lost, late, doubled and out of order."""
        self._lab.control.impair(CONTROL_BAD)
        self._send(Case.CONTROL, BAD, udp=250, ping=50)
        self._site.until_sent(*SITES)
        self._lab.control.impair(GOOD)

    def probe_is_silent(self) -> dict[str, int]:
        """Until the rounds of its packets are settled in the class that does without it."""
        self._lab.silence("c")
        self._send(Case.SILENT, BAD, udp=SENT_IN_SILENCE, ping=50)
        spools = [self._site.directory / name for name in COLLECTORS]
        until(lambda: all(_rows(spool, Case.SILENT)["near"] == SENT_IN_SILENCE for spool in spools), "the packets' rounds are over")
        rows = {spool.name: _rows(spool, Case.SILENT)["all"] for spool in spools}
        self._lab.hear("c")
        return rows

    def probe_is_killed(self) -> None:
        self._send(Case.BEFORE_KILL, BAD, udp=120, ping=30)
        self._site.until_delivered("c")
        self._site.kill_probe("c")
        self._send(Case.KILLED, BAD, udp=120, ping=30)
        self._site.start_probe("c").until_capturing()
        self.prove()
        self._send(Case.AFTER_KILL, BAD, udp=120, ping=30)

    def collector_is_killed(self) -> None:
        """While packets pass; the other one lives on."""
        first = next(iter(COLLECTORS))
        self._send(Case.COLLECTOR, BAD, udp=120, ping=30)
        self._site.kill_collector(first)
        self._send(Case.COLLECTOR, BAD, udp=120, ping=30)
        self._site.start_collector(first)
        self._send(Case.COLLECTOR, BAD, udp=120, ping=30)

    def plain(self) -> None:
        """Nothing but the links is bad; with fragments and TCP."""
        self._send(Case.PLAIN, BAD, udp=250, ping=50, long=60)
        transfer(self._lab, Case.TCP, 60_000)
        settle(self._lab, *self._exchanges.values())

    def observations_are_given_up(self) -> None:
        """By c, stopped in good order and started with less patience, after a second without acknowledgements; from then on."""
        self._site.stop_probes("c")
        probe = self._site.start_probe("c", impatient=True).until_capturing()
        self.prove(Case.GIVEN_UP)
        self._site.until_delivered("c")
        self._lab.silence("c")
        self._send(Case.GIVEN_UP, EVEN, udp=120, ping=30)
        until(lambda: probe.numbers()["rows_given_up"] >= GIVEN_UP, "observations are given up")
        self._lab.hear("c")

    def _send(self, case: Case, link: Impairment | None = None, **counts: int) -> None:
        """Over links that are like that (None: as they are); returns when nothing is on its way any more."""
        if link:
            self._lab.impair(link)
        self._exchanges[case].send(**counts)
        settle(self._lab, *self._exchanges.values())


def _rows(spool: Path, case: Case) -> dict[str, int]:
    """By class: rows of packets of its UDP flow from a, in complete files."""
    return _rows_in(spool, case, len(list(spool.glob("one_way_packet.*.csv"))))


@lru_cache(maxsize=8)
def _rows_in(spool: Path, case: Case, _files: int) -> dict[str, int]:
    """They are read anew only when there are more files."""
    from_a = [str(port) for port in ports(case)]
    return {name: sum(list(row.flow[-2:]) == from_a for row in of_class) for name, of_class in packet_rows(spool).items()}
