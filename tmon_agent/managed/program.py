"""Columns that probes and collectors have alike."""

from __future__ import annotations

from tmon_agent.managed.declaration import Column, Syntax


def counted(name: str, source: str, meaning: str, unit: str = "", metric: str = "") -> Column:
    """A count since the start."""
    return Column(name, Syntax.COUNTER, source, meaning, unit, metric or source)


def level(name: str, source: str, meaning: str, unit: str = "", metric: str = "") -> Column:
    """How much there is now."""
    return Column(name, Syntax.GAUGE, source, meaning, unit, metric or source)


IDENTITY = (
    Column("host", Syntax.TEXT, "@host", "machine it runs on, as events name it", label=True),
    Column("configuration", Syntax.TEXT, "@configuration", "path of its configuration", label=True),
    Column("version", Syntax.TEXT, "@version", "digest that tells versions of the configuration apart", label=True),
    Column("software", Syntax.TEXT, "@software", "version of trafMon", label=True),
    Column("run", Syntax.MOMENT, "@run_ns", "start of this run", metric="start_time", unit="ns"),
    Column("pid", Syntax.NUMBER, "@pid", "its main process"),
    Column("upTime", Syntax.DURATION, "@uptime_ns", "how long this run has lasted", unit="ns"),
)
AGENT = (
    Column("agentRestarts", Syntax.COUNTER, "@agent_restarts", "agents of this run that died and were started again",
           metric="agent_restarts"),
    Column("notificationsSent", Syntax.COUNTER, "@notifications_sent",
           "notifications sent to managers since the agent started, repetitions not counted", metric="notifications_sent"),
    Column("notificationsLost", Syntax.COUNTER, "@notifications_lost",
           "notifications given up since the agent started: not answered, no room to wait, or too many at once",
           metric="notifications_lost"),
)
NAME = "name in the configuration"
