"""Check a configuration file: every error with its line and what was expected.

Exit status: 0 the file is good, 2 it is not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="XML configuration of probes and collectors")


def run(options: argparse.Namespace) -> int:
    from tmon_common.config.problems import ConfigurationError
    from tmon_common.config.read import read

    try:
        configuration = read(options.file)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    counted = ((len(configuration.probes), "probe", "probes"), (len(configuration.collectors), "collector", "collectors"),
               (len(configuration.classes), "flow class", "flow classes"))
    print(f"{options.file}: good ({', '.join(f'{n} {one if n == 1 else many}' for n, one, many in counted)})")
    return 0
