"""The update of addresses as a program: what it is given, what it prints, its exit status."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from tmon_common.config.problems import ConfigurationError
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.program import BUSY, DONE, FAILED, MISUSED, with_file

if TYPE_CHECKING:
    from tmon_common.config.store_model import Store
    from tmon_store.ip_info.update import Progress, Report

NAME = "trafmon_update_ip_info"


def run(config: Path, database: Path | None = None, *, everything: bool = False, names: bool = True, quiet: bool = False) -> int:
    """Update; gives the exit status. One line per run on stdout (none if quiet and nothing was done); all else on stderr."""
    from tmon_common.config.read import read

    try:
        where = with_file(read(config).store, database)
        return _update(where if names else replace(where, names=None), everything, quiet)
    except ConfigurationError as error:
        return _fail(str(error), MISUSED)
    except StoreBusyError as error:
        return _fail(str(error), BUSY)
    except (StoreError, OSError) as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted; what was done stays, the next run goes on from here", FAILED)


def check(path: Path, addresses: Sequence[str] = ()) -> int:
    """Tell what is wrong with a file of an organisation, or where each address belongs and what says so."""
    from tmon_store.organisation import read_organisation

    try:
        organisation = read_organisation(path)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return MISUSED
    for address in addresses:
        try:
            ip_address(address)
        except ValueError:
            return _fail(f"{address} is not an address; expected one such as 192.0.2.7 or 2001:db8::7", MISUSED)
    hosts = sum(d.is_host for d in organisation.declarations)
    activities = {d.activity for d in organisation.declarations if d.activity} | {organisation.activity} - {""}
    locations = {d.location for d in organisation.declarations if d.location} | {organisation.location} - {""}
    if not addresses:
        sys.stdout.write(f"{path}: {len(organisation.declarations) - hosts} networks, {hosts} hosts, {len(activities)} activities,"
                         f" {len(locations)} locations\n")
    for address, place in zip(addresses, organisation.places(addresses), strict=True):
        why = "".join(f"; {what} by {d.prefix} (line {d.line})" for what, d in
                      (("activity", place.by_activity), ("location", place.by_location)) if d)
        name = f", {place.name}" if place.name else ""
        sys.stdout.write(f"{address}: activity {place.activity}, location {place.location}{name}{why}\n")
    return DONE


def _update(where: Store, everything: bool, quiet: bool) -> int:
    from tmon_store.access import Access
    from tmon_store.ip_info.alone import alone
    from tmon_store.ip_info.describe import Describer
    from tmon_store.ip_info.geoip import GeoIP
    from tmon_store.ip_info.update import Update
    from tmon_store.organisation import Organisation, read_organisation

    started = time.monotonic()
    access = Access(where)
    access.require()
    organisation = read_organisation(where.organisation) if where.organisation else Organisation()
    geoip = GeoIP(where.geoip)
    update = Update(access, Describer(organisation, geoip), where.names, _now, everything)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    done = False
    try:
        with alone(access), _progress() as progress:
            update.run(progress)
        done = True
    finally:  # what was done is told, too, if the rest failed
        update.report.seconds = time.monotonic() - started
        _tell(update.report, [*geoip.warnings, *update.report.warnings], access.name, quiet or not done)
        geoip.close()
    return DONE


def _tell(report: Report, warnings: Sequence[str], database: str, quiet: bool) -> None:
    for warning in warnings:
        sys.stderr.write(f"{NAME}: {warning}\n")
    if not (quiet and report.nothing):
        sys.stdout.write(f"{NAME}: {report}: {database}\n")


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"{NAME}: {message}\n")
    return status


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0, tzinfo=None)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar if a person watches, else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    with Bar(TextColumn("names"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True),
             transient=True) as bar:
        task = bar.add_task("names", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
