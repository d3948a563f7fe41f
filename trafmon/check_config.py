"""Check configuration files: every error with its line and what was expected.

Exit status: 0 all are good, 2 one is not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="XML configuration of probes and collectors")


def run(options: argparse.Namespace) -> int:
    return max([_checked(file) for file in options.files])


def _checked(file: Path) -> int:
    from tmon_common.config.problems import ConfigurationError
    from tmon_common.config.read import read

    try:
        configuration = read(file)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    counted = ((len(configuration.probes), "probe", "probes"), (len(configuration.collectors), "collector", "collectors"),
               (len(configuration.classes), "flow class", "flow classes"))
    print(f"{file}: good ({', '.join(f'{n} {one if n == 1 else many}' for n, one, many in counted)})")
    return 0
