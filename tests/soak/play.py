"""One run, from the first cable to the verdict."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.lab.servers import Servers
from tests.soak.figures import Figures
from tests.soak.judge import Verdict, judge_figures, judge_memory
from tests.soak.ledger import Ledger
from tests.soak.samples import Samples
from tests.soak.site import Site
from tests.soak.switches import switch_often
from tests.soak.topology import lab
from tests.soak.traffic.all_at_once import all_at_once
from tests.soak.traffic.work import Work

SAMPLE_EVERY_S = 1.0


@dataclass
class Played:
    """cpu_s: of each process, by (program, role). messages: what the programs said."""

    ledger: Ledger
    samples: Samples
    verdict: Verdict
    seconds: float
    numbers: dict[str, dict[str, int]]
    messages: dict[str, str]


def play(directory: Path, servers: Path, *, seconds: float, switches: int = 0, rate: float = 1.0,
         seed: int = 1) -> Played:
    """directory: for configuration, spool, database, messages. servers: for vsftpd and dnsmasq; everybody may read there.
    switches: how often all programs start anew, when there is no traffic any more."""
    ledger, samples, verdict = Ledger(), Samples(), Verdict()
    with lab() as at, Servers(at.servers, servers, seed, "vsftpd", "dnsmasq"), Site(at, directory) as site:
        work = Work(at, ledger, seed, rate, time.monotonic() + seconds)
        asyncio.run(_work(work, site, samples))
        site.until_seen()
        numbers = {name: dict(probe.numbers()) for name, probe in site.probes.items()}
        verdict.wrong += switch_often(site, switches)
        verdict.wrong += site.stop()
        verdict.wrong += [f"left behind: {what}" for what in site.left_behind()]
        if (dropped := at.dropped()) != (lost := sum(n for way, n in ledger.ways.items() if way.verdict == "lost")):
            ledger.strange.append(f"the line has dropped {dropped} packets, {lost} were marked")
        messages = {name: program.messages for name, program in site.programs.items()}
        database = site.database
    verdict.overloaded += ledger.strange
    for name, of_one in numbers.items():
        verdict.overloaded += [f"{name}: {of_one[what]} {what}" for what in ("kernel_drops", "rows_given_up") if of_one[what]]
    verdict.wrong += [f"{name} ended in a traceback" for name, text in messages.items() if "Traceback" in text]
    samples.write(directory / "samples.csv")
    judge_memory(verdict, samples)
    if not verdict.overloaded:
        figures = Figures(database)
        judge_figures(verdict, ledger, figures)
        figures.close()
    return Played(ledger, samples, verdict, seconds, numbers, messages)


async def _work(work: Work, site: Site, samples: Samples) -> None:
    """Traffic until the end, and a look at everything every second."""
    loop = asyncio.get_running_loop()
    loop.call_later(work.ends_at - time.monotonic(), work.over.set)
    looking = loop.create_task(_look(site, samples))
    try:
        await all_at_once(work)
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _look(site: Site, samples: Samples) -> None:
    began = time.monotonic()
    while True:
        samples.take(time.monotonic() - began, site.programs, site.spool)
        for name, program in site.programs.items():
            if program.process.poll() is not None:
                raise RuntimeError(f"{name} has ended: {program.messages[-2_000:]}")
        await asyncio.sleep(SAMPLE_EVERY_S - (time.monotonic() - began) % SAMPLE_EVERY_S)
