"""Packets through dissection and chain to what the analysis one_way tells of them."""

from pathlib import Path as FilePath
from typing import NamedTuple

from tests.unit.child.reassembly.fragments import ALL, START, Path
from tmon_common.config.model import Configuration, Filter, FlowClass, GranularFlow, Hop, Interface, OneWay, Point, Probe
from tmon_common.config.one_way import analysis_of
from tmon_common.observations import ABSENT, FLOW_DEFINITION
from tmon_common.pdu.one_way import OneWayRows
from tmon_probe.child.analysers.load import factories_of
from tmon_probe.child.chain import Chain
from tmon_probe.demand import NOTHING_SPECIAL, demands_of

FIELDS = frozenset(("src_addr", "dst_addr", "protocol", "src_port", "dst_port"))
HERE, THERE = Hop("here", (Point(1, "p", "i"),)), Hop("there", (Point(2, "q", "i"),))


class Told(NamedTuple):
    """A row: times in ns since START, empty ones None; ports of its flow."""

    point: int
    signature: int
    time_ns: int
    octets: int | None
    last_ns: int | None
    extras: tuple[int | None, ...]
    ports: tuple[int, int]


def one_way_class(filter_: Filter = ALL, name: str = "followed", hops: tuple[Hop, ...] = (HERE, THERE), **options) -> FlowClass:
    one_way = OneWay(hops, **options)
    return FlowClass(name, filter_, (GranularFlow("flow", FIELDS, bidirectional=False),), (analysis_of(one_way),), one_way)


class Bench:
    """A probe "p" with these interfaces. emitted: what came out, in order."""

    def __init__(self, *classes: FlowClass, interfaces: tuple[str, ...] = ("i",)) -> None:
        probe = Probe("p", tuple(Interface(n) for n in interfaces), (), classes=tuple(c.name for c in classes))
        configuration = Configuration(FilePath("none"), (probe,), classes=classes)
        observed = configuration.classes_of(probe)
        factories = factories_of(observed)
        self.emitted: list[OneWayRows] = []
        self._ports: dict[int, tuple[int, int]] = {}
        self.chain = Chain(configuration, probe, factories, self._take)
        demands = demands_of(observed, factories)
        self._path = Path(*((c.filter, (d or [NOTHING_SPECIAL])[0]) for c, d in zip(observed, demands, strict=True)))

    def __call__(self, *packets: tuple[bytes, int], interface: int = 0) -> None:
        """A batch of packets (octets, ns since START)."""
        records, lanes, areas = self._path.dissected(packets)
        records["interface"] = interface
        self.chain.process(records, lanes, areas)

    def flush(self, reached_ns: int) -> None:
        self.chain.flush(START + reached_ns)

    def told(self, name: str = "followed") -> list[Told]:
        """All rows so far of that class, in order."""
        return [self._read(row) for rows in self.emitted if rows.form.flow_class == name for row in rows.values]

    def _take(self, rows) -> None:
        if rows.kind is FLOW_DEFINITION:
            self._ports |= {int(row["flow"]): (int(row["src_port"]), int(row["dst_port"])) for row in rows.values}
        else:
            self.emitted.append(rows)

    def _read(self, row) -> Told:
        extras = tuple(since(int(row[f"extra_time_{n:02}"])) for n in range(1, 5))
        octets = None if row["octets"] == ABSENT else int(row["octets"])
        return Told(int(row["point"]), int(row["signature"]), int(row["time"]) - START, octets, since(int(row["last_time"])),
                    extras, self._ports[int(row["flow"])])


def since(time_ns: int) -> int | None:
    return None if time_ns == ABSENT else time_ns - START
