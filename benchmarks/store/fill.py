"""A month of a made network in databases: hours and days of all of it, minutes of its last days, as after some retention.

Minutes of days gone by would be loaded and dropped again; they are made, summed up, and left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.store.rows import MADE, frames, loaded
from benchmarks.store.site import Site
from tmon_common.analyses.catalogue import catalogue
from tmon_common.observations import KINDS, Kind
from tmon_store.facts import days_of, load_rows
from tmon_store.rollup import aggregate, moved_to, sort_samples
from tmon_store.schema import FLOW_IDENTITY, flow_table, is_counted, manifest_table, record_table, rollups

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend


def create(store: Backend) -> None:
    """All tables."""
    kinds = [k for k in catalogue().kinds.values() if not k.transient]
    plain = [record_table(k) for k in kinds if not is_counted(k) and k.name != "flow_definition"]
    store.ensure([flow_table(), manifest_table(), *plain], [r for k in kinds if is_counted(k) for r in rollups(k)])


def fill(stores: Sequence[Backend], site: Site, minute_days: int, told: Callable[[int, list[float]], object],
         kinds: Sequence[str] = MADE) -> None:
    """All days of the site, hour by hour; told: called with the number of each hour that is done, and the seconds of each store."""
    for store in stores:
        create(store)
    for hour in range(site.days * 24):
        made = frames(site, range(hour * 60, hour * 60 + 60), kinds)
        seconds = []
        for store in stores:
            began = time.perf_counter()
            rows = {name: loaded(frame, KINDS[name]) for name, frame in made.items()}
            days = {table: found for name, frame in rows.items() for table, found in days_of(KINDS[name], frame).items()}
            store.prepare(days)
            store.begin()
            for name, frame in rows.items():
                if is_counted(KINDS[name]) and hour < (site.days - minute_days) * 24:
                    _hours_and_days(store, KINDS[name], frame)
                else:
                    load_rows(store, KINDS[name], frame)
            store.commit()
            seconds.append(time.perf_counter() - began)
        told(hour, seconds)


def _hours_and_days(store: Backend, kind: Kind, frame: pl.DataFrame) -> None:
    identities = frame.select(FLOW_IDENTITY).unique(maintain_order=True)
    numbered = identities.with_columns(store.flow_keys(identities))
    frame = frame.join(numbered, on=FLOW_IDENTITY, how="left", maintain_order="left")
    _, hour, day = rollups(kind)
    rows = aggregate(sort_samples(frame, hour), hour)
    store.merge(hour, *rows)
    store.merge(day, *moved_to(day, *rows))
