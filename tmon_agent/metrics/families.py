"""From the tables of a program to families of metrics (prometheus_client)."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric, UnknownMetricFamily
from prometheus_client.registry import Collector

from tmon_agent.managed.tables import TABLES
from tmon_agent.metrics.names import METRICS, UP, Named, Type, name_place
from tmon_agent.view import View

_FAMILIES = {Type.COUNTER: CounterMetricFamily, Type.GAUGE: GaugeMetricFamily, Type.STATES: GaugeMetricFamily,
             Type.UNKNOWN: UnknownMetricFamily}
_OF_TABLE = {t.number: [m for m in METRICS if m.columns and m.table is t] for t in TABLES}


class Families(Collector):
    """Of the program of a view, as it is when it is collected."""

    def __init__(self, view: View) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        setting, tables = self._view.setting, self._view.tables()
        up = UP[setting.kind]
        yield family_of(up, [((setting.name,), int(self._view.program() is not None))])
        for table, rows in tables.items():
            place = name_place(table)
            labelled = [(_labels(index, values, place), values) for index, values in rows.items()]
            for metric in _OF_TABLE[table.number] if rows else ():
                yield _table_family(metric, labelled)


def _labels(index: tuple, values: tuple, place: int | None) -> tuple[str, ...]:
    found = [str(i) for i in index]
    if place is not None and values[place]:
        found[-1] = str(values[place])
    return tuple(found)


def _table_family(metric: Named, rows: list[tuple[tuple[str, ...], tuple]]) -> Metric:
    if metric.type is Type.INFO:
        family = InfoMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, values in rows:
            own = metric.labels[len(labels):]
            family.add_metric(labels, {name: str(values[n] or "") for name, n in zip(own, metric.columns, strict=True)})
        return family
    [n] = metric.columns
    known = [(labels, values[n]) for labels, values in rows if values[n] is not None]
    if metric.type is Type.STATES:
        states = metric.table.columns[n].states
        return family_of(metric, [((*labels, state), int(value == place)) for labels, value in known
                                for place, state in enumerate(states)])
    return family_of(metric, known)


def family_of(metric: Named, samples: list[tuple[tuple[str, ...], int]]) -> Metric:
    """With samples: values of the labels, and a value of the declared column."""
    family = _FAMILIES[metric.type](metric.name, metric.help, labels=metric.labels, unit=metric.unit)
    for labels, value in samples:
        family.add_metric(labels, value / metric.divisor if metric.divisor != 1 else value)
    return family
