"""All tables, by number."""

from __future__ import annotations

from tmon_agent.managed import collector, events, managers, probe
from tmon_agent.managed.declaration import Table

TABLES: tuple[Table, ...] = (
    probe.PROBES, probe.INTERFACES, probe.RINGS, probe.ANALYSES, probe.LINKS,
    collector.COLLECTORS, collector.PROBES, collector.KINDS, collector.REJECTIONS, collector.ONE_WAY,
    events.EVENTS, managers.MANAGERS,
)
