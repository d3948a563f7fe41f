"""The demands of all classes as the dissection kernel wants them: masks of classes, and a table of ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tmon_common.config.model import Filter
from tmon_probe.demand import MAX_PAYLOAD, MAX_SERVICES, TCP, UDP, Demand, Service, Signature, fragment_masks, services_of

PLAN = np.dtype([
    # masks of classes
    ("every", "<u8"),  # want every fragment
    ("whole", "<u8"),  # want every fragment with its octets
    ("by_transport", "<u8"),  # have a filter that looks at transport headers, which later fragments lack
    ("ftp_all", "<u8"), ("ftp_boundaries", "<u8"),  # want packets of FTP data connections
    ("signed", "<u8"), ("signed_nat", "<u8"),
    ("signed_fragments", "<u8"),  # of these two, want fragments signed, too
    ("served", "<u8"),  # want payload of any service
    ("service_classes", "<u8", (MAX_SERVICES,)),
    ("service_octets", "<u4", (MAX_SERVICES,)),
    ("signed_octets", "<u4"), ("signed_nat_octets", "<u4"),
    ("md5", "u1"),
    ("ftp_service", "u1"),  # bits of the services that are FTP control
    ("unused", "u1", (6,)),
])
FTP_DATA = {"all": "ftp_all", "boundaries": "ftp_boundaries"}
ALGORITHMS = ("fast64", "md5")


@dataclass(frozen=True)
class Plan:
    """masks: PLAN (1,). ports: uint8 (2, 65536), of TCP and UDP: bits of the services on a port. services: by bit."""

    masks: np.ndarray
    ports: np.ndarray
    services: tuple[Service, ...] = field(default=())


class DemandError(ValueError):
    """Demands that one probe cannot meet together: which, and what to change."""


def plan_of(filters: Sequence[Filter], demands: Sequence[Sequence[Demand]]) -> Plan:
    """filters[i], demands[i]: of the i-th class of the probe (bit i of class masks). DemandError if they do not go together."""
    masks, ports = np.zeros(1, PLAN), np.zeros((2, 65536), np.uint8)
    plan, services = masks[0], services_of(demands)
    if len(services) > MAX_SERVICES:
        raise DemandError(f"the analyses of this probe's classes ask for {len(services)} services "
                          f"({', '.join(s.name for s in services)}); expected at most {MAX_SERVICES}")
    for bit, service in enumerate(services):
        _check_service(service)
        plan["service_octets"][bit] = service.octets
        plan["ftp_service"] |= (service.name == "ftp" and service.protocol == TCP) << bit
        ports[{TCP: 0, UDP: 1}[service.protocol], list(service.ports)] |= 1 << bit
    fragments = fragment_masks(filters, demands)
    plan["every"], plan["whole"], plan["by_transport"] = fragments.every, fragments.whole, fragments.by_transport
    for number, (_, of_class) in enumerate(zip(filters, demands, strict=True)):
        for demand in of_class:
            _add(plan, np.uint64(1 << number), demand, services)
    _choose_signature(plan, [d.signature for of_class in demands for d in of_class if d.signature])
    return Plan(masks, ports, tuple(services))


def _add(plan: np.void, bit: np.uint64, demand: Demand, services: list[Service]) -> None:
    for service in demand.services:
        plan["served"] |= bit
        plan["service_classes"][services.index(service)] |= bit
    if demand.ftp_data:
        if demand.ftp_data not in FTP_DATA:
            raise DemandError(f"an analysis asks for packets '{demand.ftp_data}' of FTP data connections; "
                              f"expected {' or '.join(map(repr, FTP_DATA))}")
        plan[FTP_DATA[demand.ftp_data]] |= bit
    if demand.signature:
        plan["signed_nat" if demand.signature.nat else "signed"] |= bit
        if demand.signature.fragments:
            plan["signed_fragments"] |= bit


def _check_service(service: Service) -> None:
    """DemandError for what an analyser, maybe one of somebody else, cannot mean."""
    what = f"service {service.name}"
    if service.protocol not in (TCP, UDP):
        raise DemandError(f"{what} is of protocol {service.protocol}; expected TCP ({TCP}) or UDP ({UDP})")
    for port in sorted(service.ports):
        if not 0 <= port <= 65535:
            raise DemandError(f"{what} is on port {port}; expected 0 to 65535")
    if not 0 <= service.octets <= MAX_PAYLOAD:
        raise DemandError(f"{what} wants {service.octets} octets of payload; expected 0 to {MAX_PAYLOAD}")


def _choose_signature(plan: np.void, wanted: list[Signature]) -> None:
    algorithms = sorted({s.algorithm for s in wanted})
    if not set(algorithms) <= set(ALGORITHMS):
        raise DemandError(f"one-way classes of this probe ask for signatures by {' and '.join(algorithms)}; "
                          f"expected {' or '.join(ALGORITHMS)}")
    if len(algorithms) > 1:
        raise DemandError(f"one-way classes of this probe ask for signatures by {' and '.join(algorithms)}; expected one algorithm")
    plan["md5"] = algorithms == ["md5"]
    for nat, name in ((False, "signed_octets"), (True, "signed_nat_octets")):
        lengths = sorted({s.octets for s in wanted if s.nat == nat})
        if len(lengths) > 1:
            raise DemandError(f"one-way classes of this probe ask for signatures of {' and '.join(map(str, lengths))} octets; "
                              f"expected one length{' for those with nat' if nat else ''}")
        if lengths and not 0 <= lengths[0] <= MAX_PAYLOAD:
            raise DemandError(f"one-way classes of this probe ask for signatures of {lengths[0]} octets; "
                              f"expected 0 to {MAX_PAYLOAD}")
        plan[name] = lengths[0] if lengths else 0
