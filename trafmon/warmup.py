"""Compile every kernel now, so that no later start has to wait for it.

Done once per installation and version; compiled code is kept beside the sources, or where NUMBA_CACHE_DIR says.

Exit status: 0 done; 2 an analysis that is installed cannot be used.
"""

from __future__ import annotations

import argparse
import sys
import time

UNUSABLE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing")


def run(options: argparse.Namespace) -> int:
    from tmon_collector.gathering import warm_up
    from tmon_collector.netflow.warm_up import warm_up as warm_up_netflow
    from tmon_collector.one_way.warm_up import warm_up as warm_up_one_way
    from tmon_common.analyses.catalogue import PluginError
    from tmon_probe.child.guard import AnalysisError
    from tmon_probe.warmup import STEPS

    for what, step in (*STEPS, ("CSV files", warm_up), ("one-way packets", warm_up_one_way),
                       ("flow records", warm_up_netflow)):
        start = time.monotonic()
        try:
            step()
        except (AnalysisError, PluginError) as error:
            print(f"trafmon warmup: {error}", file=sys.stderr)
            return UNUSABLE
        if not options.quiet:
            print(f"  {what}: {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)
    return 0
