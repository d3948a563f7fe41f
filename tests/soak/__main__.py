"""python -m tests.soak [--minutes N] [--switches N] [--rate N] [--seed N] [--keep DIRECTORY]: as root, in namespaces of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.pipeline.probe_process import ROOT
from tests.soak.play import play
from tests.soak.report import report
from tests.soak.topology import why_unavailable


def main() -> int:
    """0: good. 1: something is wrong. 2: it cannot be played here. 3: the machine did not bear it."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long there is traffic (30)")
    parser.add_argument("--switches", type=int, default=3, help="how often all start anew when the traffic is over (3)")
    parser.add_argument("--rate", type=float, default=1.0, help="2: twice as much traffic (1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="where configuration, database and messages stay")
    given = parser.parse_args()
    if reason := why_unavailable():
        print(reason, file=sys.stderr)
        return 2
    subprocess.run([sys.executable, "-m", "trafmon", "warmup"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="soak-") as scratch:
        servers = Path(scratch, "servers")
        servers.mkdir()
        for path in (servers, servers.parent):
            path.chmod(0o755)  # vsftpd's unprivileged user reads below it
        directory = given.keep or Path(scratch, "run")
        directory.mkdir(parents=True, exist_ok=True)
        played = play(directory, servers, seconds=given.minutes * 60, switches=given.switches, rate=given.rate, seed=given.seed)
    print(report(played))
    return 1 if played.verdict.wrong else 3 if played.verdict.overloaded else 0


if __name__ == "__main__":
    sys.exit(main())
