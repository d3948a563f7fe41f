"""tmon_agent: answers who watches a running probe or collector (SNMP, AgentX, Prometheus), and tells managers of its events.

The program whose configuration has an <agent> starts it by itself; by hand, it looks at a program that runs or will run on this
host. Exit status: 0 it was told to end; 1 a fault; 2 it cannot do its work, and says why.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tmon_common.config.locate import locate
from tmon_common.config.problems import ConfigurationError
from tmon_common.config.read import read
from tmon_common.config.select import select_collector, select_probe

if TYPE_CHECKING:
    from tmon_agent.service import Service
    from tmon_agent.view import View

FAULT, UNUSABLE = 1, 2

log = logging.getLogger("tmon_agent")


def main(arguments: list[str] | None = None) -> int:
    from tmon_agent.surroundings import give_up_privileges, settle

    settle()
    try:
        options = _parser().parse_args(arguments)
        if options.lifeline:  # by hand, root may look at a program of another user
            give_up_privileges()
        return _run(options)
    except KeyboardInterrupt:  # while starting
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("tmon_agent", description="Answer for a running probe or collector: SNMP, AgentX, Prometheus.")
    parser.add_argument("-l", dest="local", action="store_true", help="use ./tmon.xml")
    parser.add_argument("-c", dest="configuration", type=Path, metavar="FILE", help="configuration (/etc/trafMon/xml/tmon.xml)")
    of = parser.add_mutually_exclusive_group(required=True)
    of.add_argument("--probe", metavar="NAME", help="answer for this probe")
    of.add_argument("--collector", metavar="NAME", help="answer for this collector")
    parser.add_argument("--restarts", type=int, default=0, metavar="N", help="how often the program has started it again")
    parser.add_argument("--lifeline", action="store_true",
                        help="end when standard input ends, and not by signals: for the program that starts it")
    return parser


def _run(options: argparse.Namespace) -> int:
    from tmon_agent.agent import services
    from tmon_agent.service import ServiceError, Setting
    from tmon_agent.view import View
    from tmon_common import diagnostics

    kind = "probe" if options.probe else "collector"
    try:
        configuration = read(locate(options.local, options.configuration, None).current)
        declared = (select_probe(configuration, options.probe) if kind == "probe"
                    else select_collector(configuration, options.collector))
        diagnostics.set_up(configuration.diagnostics, "tmon_agent")
    except (ConfigurationError, OSError) as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    if declared.agent is None:
        print(f"tmon_agent: {configuration.path}: {kind} {declared.name} has no <agent>; see docs/snmp.md and docs/prometheus.md",
              file=sys.stderr)
        return UNUSABLE
    try:
        setting = Setting(kind, declared.name, declared.agent, configuration)
        asyncio.run(_serve(list(services(setting)), View(setting, restarts=options.restarts), lifeline=options.lifeline))
    except (ServiceError, OSError) as error:
        log.error("agent of %s %s: %s", kind, declared.name, error)
        return UNUSABLE
    except Exception as error:  # a fault of ours: the program starts another
        log.error("agent of %s %s: %s: %s", kind, declared.name, type(error).__name__, error)
        log.debug("where it happened", exc_info=True)
        return FAULT
    return 0


async def _serve(running: Sequence[Service], view: View, *, lifeline: bool) -> None:
    from tmon_agent.agent import serve
    from tmon_agent.ending import end_of

    end = end_of(lifeline=lifeline)
    await serve(running, view, end.wait())


if __name__ == "__main__":
    sys.exit(main())
