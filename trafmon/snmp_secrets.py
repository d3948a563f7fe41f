"""Make the secrets of SNMP: community strings and passphrases for whom the configuration names.

What <monitoring> declares and the file of secrets has not is added, made at random; what is there stays, so that it can be written
by hand, too. Copy the file to every host whose agent is asked or tells of events (scp -p; its owner is the user that runs the
programs), and enter what it says at the managers.

Exit status: 0 done; 2 the file cannot be read or written, or there is nothing to do it with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", dest="configuration", type=Path, metavar="FILE",
                        help="configuration (default /etc/trafMon/xml/tmon.xml)")
    parser.add_argument("-l", dest="local", action="store_true", help="configuration in ./tmon.xml")


def run(options: argparse.Namespace) -> int:
    from tmon_agent.secrets import SecretsError, add_missing
    from tmon_common.config.locate import locate
    from tmon_common.config.problems import ConfigurationError
    from tmon_common.config.read import read

    try:
        configuration = read(locate(options.local, options.configuration).current)
        monitoring = configuration.monitoring
        if not (monitoring.users or monitoring.communities):
            raise SecretsError(f"{configuration.path}: declares no <user> and no <community> in <monitoring>; nothing to make")
        made = add_missing(monitoring)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except SecretsError as error:
        print(f"trafmon snmp-secrets: {error}", file=sys.stderr)
        return 2
    print(f"{monitoring.secrets}: {', '.join(made)} made" if made else f"{monitoring.secrets}: everything is there already")
    return 0
