#!/usr/bin/env python3
"""Prepare a MySQL or MariaDB server for trafMon: the template database and the two accounts; or look whether all is well.

Runs with the account of an administrator, from an option file. Exit status: 0 done, 1 not, 2 wrong arguments.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tmon_common.installation import end_with, go_on_with_the_installed_python

go_on_with_the_installed_python()

from tmon_store.mysql.command import check, setup  # noqa: E402


def main() -> int:
    """Arguments, then the work."""
    from tmon_common.config.store_model import Server

    parser = argparse.ArgumentParser(description="Prepare a MySQL or MariaDB server for trafMon, or look whether all is well.")
    actions = parser.add_subparsers(dest="action", required=True)
    for name, text in (("setup", "create or update the template database and the accounts"),
                       ("check", "look at server, template, accounts and databases")):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("--host", default="localhost", help="of the server (localhost)")
        action.add_argument("--port", type=int, default=3306, help="of the server (3306)")
        action.add_argument("--socket", type=Path, metavar="PATH", help="of the server, instead of host and port")
        action.add_argument("--option-file", type=Path, default=Path("~/.my.cnf"), metavar="FILE",
                            help="where the administrator's user and password stand (~/.my.cnf)")
        action.add_argument("--group", default="client", help="of that file (client)")
        if name == "setup":
            action.add_argument("--accounts-from", default="localhost", metavar="HOST",
                                help="from where the accounts connect: name, address or pattern (localhost)")
            action.add_argument("--loader", default="tmon_db", metavar="NAME", help="account that loads (tmon_db)")
            action.add_argument("--reports", default="tmon_birt", metavar="NAME", help="account that only reads (tmon_birt)")
            action.add_argument("--loader-file", type=Path, default=Path("/etc/trafMon/loader.cnf"), metavar="FILE",
                                help="option file to write for the loader (/etc/trafMon/loader.cnf)")
            action.add_argument("--reports-file", type=Path, default=Path("/etc/trafMon/reports.cnf"), metavar="FILE",
                                help="option file to write for reports (/etc/trafMon/reports.cnf)")
            action.add_argument("--owner", default="", metavar="USER", help="whose files these shall be")
    options = parser.parse_args()
    server = Server(options.host, options.port, options.socket, options.option_file, options.group)
    if options.action == "check":
        return check(server)
    return setup(server, options.accounts_from, (options.loader, options.loader_file), (options.reports, options.reports_file),
                 options.owner)


if __name__ == "__main__":
    end_with(main)
