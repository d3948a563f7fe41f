"""The table of what happens to publication, and what it has to show for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from tests.linkemu import Impairment

MS = 1_000_000
PUBLISH = {"max_pdu": "400", "max_build": "200ms", "min_gap": "3ms", "window": "256", "initial_timeout": "250ms",
           "timeout_increment": "150ms", "max_retries": "4", "final_timeout": "60s", "heartbeat": "500ms", "queue": "4MiB"}
"""Attributes of <publish> unless a scenario says otherwise: everything happens some ten times faster than by default."""
PERFECT, BROKEN = Impairment(), Impairment(loss=1.0)


class Do(StrEnum):
    """What may happen. The argument: of IMPAIR an Impairment, or two: (to the collector, back); of STEP_* seconds."""

    IMPAIR = "impair"
    KILL_COLLECTOR = "kill_collector"  # SIGKILL, and a new one at once
    STOP_COLLECTOR = "stop_collector"  # SIGTERM
    START_COLLECTOR = "start_collector"
    RESTART_PROBE = "restart_probe"  # SIGTERM, and a new one when it has ended
    KILL_PROBE = "kill_probe"  # SIGKILL, and a new one at once
    STEP_PROBE = "step_probe"  # its wall clock, by libfaketime
    STEP_COLLECTOR = "step_collector"


@dataclass(frozen=True)
class Happening:
    """at_s: since rows are added."""

    at_s: float
    do: Do
    argument: object = None


Script = Callable[[Random, float], list[Happening]]
"""Gives the happenings of a scenario in which rows are added for so many seconds."""


@dataclass(frozen=True)
class Scenario:
    """link: both ways, from the beginning. live: a real tmon_probe on a device, else drivers of numbered rows.

    limit_s     from the last row added until everything must be settled
    proves      figures (names of judge.Result) that must be above 0: that what is to be survived did happen
    """

    name: str
    link: Impairment = PERFECT
    script: Script = lambda random, seconds: []
    seconds: float = 3.0
    limit_s: float = 20.0
    rows_per_s: int = 500
    probes: int = 1
    seal: str = "aead"
    live: bool = False
    clocks: bool = False
    publish: Mapping[str, str] = field(default_factory=dict)
    proves: tuple[str, ...] = ()


def outage(start: float, end: float) -> Script:
    """The link carries nothing from there to there, as parts of the time in which rows are added."""
    return lambda _, seconds: [Happening(start * seconds, Do.IMPAIR, BROKEN), Happening(end * seconds, Do.IMPAIR, PERFECT)]


def at_random(do: Do, times: int) -> Script:
    """At moments drawn from the seed, within the time in which rows are added."""
    return lambda random, seconds: [Happening(at, do) for at in sorted(random.uniform(0.1, 0.95) * seconds for _ in range(times))]


def scripted(*happenings: tuple[float, Do, object]) -> Script:
    """(part of the time in which rows are added, what, argument)."""
    return lambda _, seconds: [Happening(at * seconds, do, argument) for at, do, argument in happenings]


def together(*scripts: Script) -> Script:
    return lambda random, seconds: sorted((h for s in scripts for h in s(random, seconds)), key=lambda h: h.at_s)


def unheard(at: float) -> Script:
    """What the collector has written it cannot acknowledge any more, then it is killed."""
    return scripted((at, Do.IMPAIR, (PERFECT, BROKEN)), (at + 0.06, Do.KILL_COLLECTOR, None), (at + 0.1, Do.IMPAIR, PERFECT))


ALL_AT_ONCE = Impairment(loss=0.2, duplicate=0.1, reorder=0.2, reorder_extra_ns=40 * MS, corrupt=0.1, corrupt_unseen=0.5,
                         delay_ns=20 * MS, jitter_ns=30 * MS)

SCENARIOS = (
    Scenario("clean"),
    Scenario("loss_10", Impairment(loss=0.1), proves=("link_lost", "retries")),
    Scenario("loss_30", Impairment(loss=0.3), proves=("link_lost", "retries")),
    Scenario("loss_50", Impairment(loss=0.5), limit_s=40, proves=("link_lost", "retries")),
    Scenario("duplication", Impairment(duplicate=0.5), proves=("link_duplicated",)),
    Scenario("reordering", Impairment(reorder=0.3, reorder_extra_ns=80 * MS), proves=("link_held_back",)),
    Scenario("corruption", Impairment(corrupt=0.3), proves=("link_corrupted", "retries")),
    Scenario("corruption_unseen", Impairment(corrupt=0.3, corrupt_unseen=1.0), proves=("link_corrupted", "retries", "refused")),
    Scenario("corruption_unseen_crc", Impairment(corrupt=0.3, corrupt_unseen=1.0), seal="crc",
             proves=("link_corrupted", "retries", "refused")),
    Scenario("delay_300ms", Impairment(delay_ns=300 * MS, jitter_ns=200 * MS)),
    Scenario("delay_2s", Impairment(delay_ns=2000 * MS), seconds=2, proves=("retries",)),
    Scenario("rate_64k", Impairment(rate_bps=64_000, queue_octets=8_000), rows_per_s=4000, limit_s=30, proves=("retries",)),
    Scenario("outage_short", script=outage(0.2, 0.8), seconds=4, proves=("link_lost", "retries")),
    Scenario("outage_long", script=outage(0.1, 0.9), seconds=7,
             publish={"final_timeout": "2s", "max_retries": "2", "initial_timeout": "200ms", "break_border": "300ms"},
             proves=("link_lost", "retries", "given_up")),
    Scenario("collector_killed", script=at_random(Do.KILL_COLLECTOR, 3), seconds=6, rows_per_s=3000, proves=("collectors_killed",)),
    Scenario("collector_killed_unheard", seconds=5, rows_per_s=2000, proves=("collectors_killed", "retries"),
             script=together(unheard(0.2), unheard(0.6))),
    Scenario("collector_killed_loss", Impairment(loss=0.2, delay_ns=20 * MS), script=at_random(Do.KILL_COLLECTOR, 3), seconds=6,
             rows_per_s=2000, seal="crc", proves=("collectors_killed", "retries")),
    Scenario("collector_away", script=scripted((0.3, Do.STOP_COLLECTOR, None), (0.7, Do.START_COLLECTOR, None)), seconds=5,
             proves=("retries",)),
    Scenario("probe_restarted", Impairment(loss=0.1), script=at_random(Do.RESTART_PROBE, 2), seconds=5, proves=("retries",)),
    Scenario("probe_killed", script=at_random(Do.KILL_PROBE, 2), seconds=5),
    Scenario("clocks_stepped", Impairment(loss=0.1), seconds=5, clocks=True, proves=("retries",),
             script=scripted((0.2, Do.STEP_PROBE, 3600), (0.4, Do.STEP_COLLECTOR, -3600), (0.6, Do.STEP_PROBE, -7200),
                             (0.8, Do.STEP_COLLECTOR, 86_400))),
    Scenario("all_at_once", ALL_AT_ONCE, script=at_random(Do.KILL_COLLECTOR, 2), seconds=6, probes=2, limit_s=30,
             proves=("link_lost", "link_duplicated", "link_held_back", "link_corrupted", "retries", "collectors_killed")),
    Scenario("live_outage", script=outage(0.3, 0.7), seconds=5, live=True, proves=("link_lost", "retries")),
    Scenario("live_collector_killed", Impairment(loss=0.1), script=at_random(Do.KILL_COLLECTOR, 2), seconds=5, live=True,
             proves=("collectors_killed", "retries")),
    Scenario("live_probe_restarted", Impairment(loss=0.1), script=at_random(Do.RESTART_PROBE, 1), seconds=5, live=True,
             proves=("retries",)),
)
