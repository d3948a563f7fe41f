"""One run, from the first cable to the verdict."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab.servers import Servers
from tests.soak.figures import Figures
from tests.soak.judge import Verdict, judge_agents, judge_figures, judge_memory
from tests.soak.ledger import Ledger
from tests.soak.samples import Samples
from tests.soak.site import Site
from tests.soak.switches import switch_often
from tests.soak.topology import lab
from tests.soak.traffic.all_at_once import all_at_once
from tests.soak.traffic.work import Work
from tests.soak.watchers import Watched, Watchers

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
    watched: Watched


def play(directory: Path, servers: Path, *, seconds: float, switches: int = 0, rate: float = 1.0,
         seed: int = 1) -> Played:
    """directory: for configuration, spool, database, messages. servers: for vsftpd and dnsmasq; everybody may read there.
    switches: how often all programs start anew, when there is no traffic any more."""
    ledger, samples, verdict = Ledger(), Samples(), Verdict()
    with lab() as at, Servers(at.servers, servers, seed, "vsftpd", "dnsmasq"), Site(at, directory) as site:
        work = Work(at, ledger, seed, rate, time.monotonic() + seconds)
        watchers = Watchers(site.agents, site.secrets)
        asyncio.run(_work(work, site, samples, watchers))
        site.until_seen()
        numbers = {name: dict(probe.numbers()) for name, probe in site.probes.items()}
        asyncio.run(_last_pages(watchers, site))
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
        judge_agents(verdict, numbers, figures, watchers.watched)
        figures.close()
    return Played(ledger, samples, verdict, seconds, numbers, messages, watchers.watched)


async def _work(work: Work, site: Site, samples: Samples, watchers: Watchers) -> None:
    """Traffic until the end; meanwhile agents are asked, and every second there is a look at everything. What fails ends all."""
    asyncio.get_running_loop().call_later(work.ends_at - time.monotonic(), work.over.set)
    async with asyncio.TaskGroup() as group:
        others = [group.create_task(_look(site, samples)), group.create_task(watchers.run())]
        await all_at_once(work)
        for other in others:
            other.cancel()


async def _last_pages(watchers: Watchers, site: Site) -> None:
    """When there is no traffic any more."""
    for name in site.agents:
        await watchers.scrape(name)


async def _look(site: Site, samples: Samples) -> None:
    began = time.monotonic()
    while True:
        samples.take(time.monotonic() - began, site.programs, site.spool)
        for name, program in site.programs.items():
            if program.process.poll() is not None:
                raise RuntimeError(f"{name} has ended: {program.messages[-2_000:]}")
        await asyncio.sleep(SAMPLE_EVERY_S - (time.monotonic() - began) % SAMPLE_EVERY_S)
