"""What an analysis needs of the father: which fragments, whose payload, a signature. Declared by analysers, met per class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tmon_common.analyses.catalogue import PluginError
from tmon_common.config.model import Analysis, Conjunction, Disjunction, Filter, FlowClass

TCP, UDP = 6, 17
MAX_SERVICES = 8
"""Different services that the classes of a probe may ask for: bits of an octet."""
MAX_PAYLOAD = 65_535
TRANSPORT_FIELDS = frozenset({"src_port", "dst_port", "port", "tcp_flags", "icmp_type", "icmp_code"})
"""What filters may look at that only the first fragment of a datagram has."""


class Fragments(IntEnum):
    """Of a datagram that was fragmented."""

    FIRST = 0  # the first fragment's headers tell all
    EVERY = 1  # every fragment's headers
    WHOLE = 2  # every fragment with its octets, to put them together


@dataclass(frozen=True)
class FragmentMasks:
    """Masks of classes (bit i: the i-th of the probe).

    every           want every fragment
    whole           want every fragment with its octets
    by_transport    have a filter that looks at transport headers, which later fragments lack
    """

    every: int = 0
    whole: int = 0
    by_transport: int = 0


@dataclass(frozen=True)
class Service:
    """An application protocol known by its ports: up to `octets` of the payload of its packets go to the child.

    protocol    demand.TCP or demand.UDP
    """

    name: str
    protocol: int
    ports: frozenset[int]
    octets: int = MAX_PAYLOAD


DNS = Service("dns", UDP, frozenset({53}), 512)
SNMP = Service("snmp", UDP, frozenset({161, 162}), 512)
NTP = Service("ntp", UDP, frozenset({123}), 48)
FTP_CONTROL = Service("ftp", TCP, frozenset({21}))


@dataclass(frozen=True)
class Signature:
    """nat: leave out what address translation changes. octets: of the transport header and what follows, at most.

    fragments: each is signed, too, as a packet of its own
    """

    nat: bool = False
    algorithm: str = "fast64"  # or md5
    octets: int = MAX_PAYLOAD
    fragments: bool = False


@dataclass(frozen=True)
class Demand:
    """ftp_data: "" or, for the data connections of FTP sessions, "all" packets or "boundaries" (SYN, FIN and RST only)."""

    fragments: Fragments = Fragments.EVERY
    services: tuple[Service, ...] = ()
    ftp_data: str = ""
    signature: Signature | None = None


NOTHING_SPECIAL = Demand()


def demands_of(classes: Sequence[FlowClass], factories: Mapping[str, Callable]) -> list[list[Demand]]:
    """Of each class, what its analyses ask for; factories: kind of analysis -> factory of its analyser.

    PluginError for an analyser that asks for nothing that there is.
    """
    return [[_demand_of(a, factories[a.kind]) for a in c.analyses] for c in classes]


def services_of(demands: Sequence[Sequence[Demand]]) -> list[Service]:
    """Services asked for by the classes, each once; the position of one is its bit in `service` of packet records."""
    return list(dict.fromkeys(s for of_class in demands for d in of_class for s in d.services))


def fragment_masks(filters: Sequence[Filter], demands: Sequence[Sequence[Demand]]) -> FragmentMasks:
    """filters[i], demands[i]: of the i-th class of the probe."""
    every, whole = (sum(1 << bit for bit, of_class in enumerate(demands) if any(d.fragments >= least for d in of_class))
                    for least in (Fragments.EVERY, Fragments.WHOLE))
    return FragmentMasks(every, whole, sum(1 << bit for bit, f in enumerate(filters) if _looks_at_transport(f)))


def _looks_at_transport(filter_: Filter) -> bool:
    for term in filter_.terms:
        for part in term.terms if isinstance(term, Disjunction) else (term,):
            for predicate in part.terms if isinstance(part, Conjunction) else (part,):
                if predicate.field in TRANSPORT_FIELDS:
                    return True
    return False


def _demand_of(analysis: Analysis, factory: Callable) -> Demand:
    try:
        demand = getattr(factory, "demand", _nothing_special)(analysis)
        if not isinstance(demand, Demand) or not all(isinstance(s, Service) for s in demand.services):
            raise TypeError(f"it is {demand!r}; expected a Demand")
    except Exception as error:  # whatever the code of others does
        raise PluginError(f"analysis {analysis.kind}: its demand cannot be used: {type(error).__name__}: {error}; correct it, or "
                          "take it out of the configuration") from error
    return demand


def _nothing_special(_analysis: object) -> Demand:
    return NOTHING_SPECIAL
