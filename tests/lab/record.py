"""python -m tests.lab.record OUTDIR: records the demo traffic (root needed, about a minute and a half)."""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.lab import packages, topology
from tests.lab.operations import Actor, Operation
from tests.lab.plan import PHASES, SEED, Phase, Step
from tests.lab.servers import FILES, Servers
from tests.linkemu import Direction, FrameRecord, LinkConfig, LinkProcess, Network, read_frame_log, why_unavailable

FORMAT = 1
TIME_LIMIT_S = 180


def record(directory: Path, seed: int = SEED) -> dict[str, Any]:
    """Builds the network, runs all phases, writes pcaps, frame log and truth.json; gives the truth."""
    started = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="lab-") as scratch, Network() as network:
        work = Path(scratch)
        work.chmod(0o755)  # the FTP and web servers' unprivileged users read below it
        built = topology.build(network)
        config = LinkConfig(
            directory=directory.resolve(),
            west_to_east=PHASES[0].west_to_east,
            east_to_west=PHASES[0].east_to_west,
            seed=seed,
            vlan_rules=topology.VLAN_RULES,
        )
        stop = threading.Event()
        actors = {}
        for lan in topology.WEST_LANS:
            (work / lan.label).mkdir()
            actors[lan.label] = Actor(built.hosts[lan.label], lan, work / lan.label, stop)
        with (
            LinkProcess(built.middle, config) as link,
            Servers(built.hosts["server"], work / "server", seed),
        ):
            phases, operations = _run_phases(link, actors, stop)
    rows = read_frame_log(link.frame_log)
    truth = {
        "format": FORMAT,
        "recorded": started.isoformat(timespec="seconds"),
        "seed": seed,
        "software": {**packages.versions(), "linux": ".".join(os.uname().release.split(".")[:2])},
        "topology": topology.describe(),
        "files": FILES,
        "phases": [{**phase, "totals": _totals(rows, phase["number"])} for phase in phases],
        "totals": link.totals,
        "operations": [operation.as_dict() for operation in operations],
    }
    (directory / "truth.json").write_text(_as_text(truth))
    return truth


def _run_phases(link: LinkProcess, actors: dict[str, Actor], stop: threading.Event) -> tuple[list[dict[str, Any]], list[Operation]]:
    phases, operations = [], []
    for number, phase in enumerate(PHASES):
        start_ns = time.time_ns() if number == 0 else link.impair(phase.west_to_east, phase.east_to_west)["at_ns"]
        print(f"phase {number}: {phase.name}", flush=True)
        done = _run_phase(phase, number, actors, stop)
        link.drain()
        operations += sorted(done, key=lambda operation: operation.start_ns)
        phases.append(
            {
                "number": number,
                "name": phase.name,
                "start_ns": start_ns,
                "end_ns": time.time_ns(),
                "west_to_east": phase.west_to_east.as_dict(),
                "east_to_west": phase.east_to_west.as_dict(),
            }
        )
    return phases, operations


def _run_phase(phase: Phase, number: int, actors: dict[str, Actor], stop: threading.Event) -> list[Operation]:
    """All hosts at work at the same time. One that fails stops the others."""

    def work(actor: Actor, steps: Sequence[Step]) -> list[Operation]:
        done = []
        try:
            for step in steps:
                if stop.is_set():
                    break
                operation = step(actor)
                operation.phase = number
                done.append(operation)
                print(_line(operation), flush=True)
        except BaseException:
            stop.set()
            raise
        return done

    with ThreadPoolExecutor(len(phase.work)) as pool:
        futures = [pool.submit(work, actors[label], steps) for label, steps in phase.work.items()]
        try:
            return [operation for future in futures for operation in future.result()]
        except BaseException:
            stop.set()
            raise


def _as_text(truth: dict[str, Any]) -> str:
    """JSON with one line for each operation, so that people and diffs can read it."""
    operations = ",\n".join(f"  {json.dumps(operation)}" for operation in truth["operations"])
    head = json.dumps({name: value for name, value in truth.items() if name != "operations"}, indent=1)
    return f'{head.removesuffix("}").rstrip()},\n "operations": [\n{operations}\n ]\n}}\n'


def _line(operation: Operation) -> str:
    took_s = (operation.end_ns - operation.start_ns) / 1e9
    return f"  {operation.host:6} {operation.kind:11} {operation.dst_addr:18} {operation.result:9} {took_s:6.2f} s"


def _totals(rows: list[FrameRecord], phase: int) -> dict[str, dict[str, int]]:
    """What the link did with the frames that arrived in this phase: fates, duplicates, frames held back."""
    totals = {}
    for direction in Direction:
        mine = [row for row in rows if row.phase == phase and row.direction is direction]
        originals = [row for row in mine if row.copy == 0]
        totals[str(direction)] = {
            "received": len(originals),
            **Counter(str(row.fate) for row in originals),
            "duplicated": len(mine) - len(originals),
            "held_back": sum(row.held_back for row in originals),
        }
    return totals


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(signal.strsignal(number))


def main() -> int:
    """Records; 0 when it worked."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.record", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="OUTDIR")
    parser.add_argument("--seed", type=int, default=SEED, help="of link and served files (%(default)s)")
    options = parser.parse_args()
    if reason := why_unavailable():
        print(f"record: {reason}", file=sys.stderr)
        return 1
    packages.install_missing()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _interrupt)
    signal.alarm(TIME_LIMIT_S)
    try:
        truth = record(options.directory, options.seed)
    except KeyboardInterrupt as why:
        print(f"record: stopped ({why or 'interrupted'}), namespaces removed", file=sys.stderr)
        return 1
    counted = Counter((operation["kind"], operation["result"]) for operation in truth["operations"])
    for (kind, result), number in sorted(counted.items()):
        print(f"{kind:12} {result:10} {number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
