"""trafmon: analyse captures, check configurations, and what else one does by hand."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys

SUBCOMMANDS = ("analyse", "one_way", "show", "query", "check_config", "analyses", "interfaces", "top", "keygen", "snmp_secrets",
               "warmup")
"""Modules of this package, each with `add_arguments(parser)`, `run(options) -> exit status`, and its help as docstring."""


def main(arguments: list[str] | None = None) -> int:
    for number in (signal.SIGPIPE, signal.SIGINT):  # `trafmon ... | head` and Ctrl-C end quietly
        signal.signal(number, signal.SIG_DFL)
    parser = argparse.ArgumentParser("trafmon", description="Passive network performance monitor.")
    chosen = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in SUBCOMMANDS:
        module = importlib.import_module(f"trafmon.{name}")
        text = module.__doc__.strip()
        sub = chosen.add_parser(name.replace("_", "-"), help=text.splitlines()[0], description=text,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
