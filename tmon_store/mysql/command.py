"""scripts/trafmon_mysql.py: what it does, prints, and its exit status."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tmon_common.config.store_model import Server
from tmon_store.errors import StoreError

DONE, FAILED = 0, 1


def setup(admin: Server, accounts_from: str, loader: tuple[str, Path], reports: tuple[str, Path], owner: str = "") -> int:
    """Template and accounts; each of `loader` and `reports` a name and its option file. Idempotent."""
    from tmon_store.ip_info.schema import IP_INFO, MARKS
    from tmon_store.mysql.accounts import LOADER, REPORTS, set_up
    from tmon_store.mysql.template import update_template
    from tmon_store.volumes.procedures import procedures
    from tmon_store.volumes.schema import TABLES

    try:
        made = update_template(admin, [IP_INFO, MARKS, *TABLES], procedures())
        _say(f"trafMon_template: {made.tables} tables, {made.ports} ports, {made.procedures} procedures")
        for (name, file), account in ((loader, LOADER), (reports, REPORTS)):
            fresh = set_up(admin, replace(account, name=name), accounts_from, file, owner)
            _say(f"{name}@{accounts_from}: {account.rights} on trafMon%;"
                 f" {'a new password is' if fresh else 'its password stays'} in {file} [{account.groups[0]}]")
    except StoreError as error:
        return _fail(error)
    return DONE


def check(admin: Server) -> int:
    """One line for each thing looked at; FAILED if anything keeps trafMon from working."""
    from tmon_store.mysql.health import findings

    try:
        found = findings(admin)
    except StoreError as error:
        return _fail(error)
    for finding in found:
        _say(f"{'ok ' if finding.good else 'BAD'} {finding.text}")
    return DONE if all(f.good for f in found) else FAILED


def _say(*lines: str | Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _fail(error: StoreError) -> int:
    sys.stderr.write(f"trafmon_mysql: {error}\n")
    return FAILED
