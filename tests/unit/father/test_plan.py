"""What analyses demand, as masks and ports for the dissection kernel; demands that do not go together."""

import numpy as np
import pytest

from tmon_common.config.fields import FIELDS
from tmon_common.config.model import Conjunction, Disjunction, Filter, Predicate
from tmon_probe.demand import (
    DNS,
    FTP_CONTROL,
    MAX_SERVICES,
    NOTHING_SPECIAL,
    NTP,
    SNMP,
    TCP,
    TRANSPORT_FIELDS,
    UDP,
    Demand,
    Fragments,
    Service,
    Signature,
)
from tmon_probe.father.plan import PLAN, DemandError, Plan, plan_of

ALL = Filter()
MASKS = ("every", "whole", "by_transport", "ftp_all", "ftp_boundaries", "signed", "signed_nat", "signed_fragments", "served")


def plan_for(*demands: tuple[Demand, ...], filters: tuple[Filter, ...] = ()) -> Plan:
    return plan_of(filters or (ALL,) * len(demands), demands)


def masks_of(plan: Plan) -> dict[str, int]:
    """The masks that are not 0."""
    return {name: int(plan.masks[0][name]) for name in MASKS if plan.masks[0][name]}


def looks_at(field: str) -> Predicate:
    return Predicate(field, ((1, 1),))


def test_no_classes():
    plan = plan_for()
    assert {} == masks_of(plan)
    assert not plan.ports.any()
    assert ((1,), PLAN, (2, 65536), np.uint8) == (plan.masks.shape, plan.masks.dtype, plan.ports.shape, plan.ports.dtype)


@pytest.mark.parametrize(("demand", "expected"), [
    (Demand(Fragments.FIRST), ()),
    (Demand(Fragments.EVERY), ("every",)),
    (Demand(Fragments.WHOLE), ("every", "whole")),
    (NOTHING_SPECIAL, ("every",)),
    (Demand(Fragments.FIRST, services=(DNS,)), ("served",)),
    (Demand(Fragments.FIRST, ftp_data="all"), ("ftp_all",)),
    (Demand(Fragments.FIRST, ftp_data="boundaries"), ("ftp_boundaries",)),
    (Demand(Fragments.FIRST, signature=Signature()), ("signed",)),
    (Demand(Fragments.FIRST, signature=Signature(nat=True)), ("signed_nat",)),
    (Demand(Fragments.FIRST, signature=Signature(nat=True, fragments=True)), ("signed_nat", "signed_fragments")),
])  # fmt: skip
@pytest.mark.parametrize("number", [0, 5, 63])
def test_each_demand_has_its_mask(demand, expected, number):
    """A demand sets the bit of its own class in the masks of what it wants, and nowhere else."""
    first = (Demand(Fragments.FIRST),)
    plan = plan_for(*[first] * number, (demand,), *[first] * (63 - number))
    assert dict.fromkeys(expected, 1 << number) == masks_of(plan)


def test_the_demands_of_a_class_add_up():
    """Whoever wants most of a class gets it; classes without analyses want nothing."""
    plan = plan_for((Demand(Fragments.FIRST), Demand(Fragments.WHOLE)), (), (Demand(Fragments.EVERY, ftp_data="all"),))
    assert {"every": 0b101, "whole": 0b001, "ftp_all": 0b100} == masks_of(plan)


def test_services_have_a_bit_their_ports_and_their_classes():
    """Services by order of demand, the same one only once; ports of TCP and UDP apart; a port may be of several services."""
    other_dns = Service("dns", UDP, frozenset({53, 5353}), 100)
    plan = plan_for((Demand(services=(DNS, FTP_CONTROL)),), (Demand(services=(NTP,)), Demand(services=(DNS,))),
                    (Demand(services=(other_dns, SNMP)),))
    assert (DNS, FTP_CONTROL, NTP, other_dns, SNMP) == plan.services
    of_tcp, of_udp = ({int(port): int(bits[port]) for port in np.flatnonzero(bits)} for bits in plan.ports)
    assert {21: 0b10} == of_tcp
    assert {53: 0b1001, 123: 0b100, 161: 0b10000, 162: 0b10000, 5353: 0b1000} == of_udp
    masks = plan.masks[0]
    assert [0b011, 0b001, 0b010, 0b100, 0b100, 0, 0, 0] == masks["service_classes"].tolist()
    assert [512, 65535, 48, 100, 512, 0, 0, 0] == masks["service_octets"].tolist()
    assert 0b111 == masks["served"]
    assert 0b10 == masks["ftp_service"]


def test_ftp_control_is_ftp_over_tcp():
    """By its name and protocol, on whatever port; any bit may be FTP's."""
    elsewhere = Service("ftp", TCP, frozenset({2121}))
    tftp_like = Service("ftp", UDP, frozenset({21}))
    fillers = tuple(Service(f"s{i}", TCP, frozenset({1000 + i})) for i in range(5))
    plan = plan_for((Demand(services=(tftp_like, FTP_CONTROL, *fillers, elsewhere)),))
    assert 0b10000010 == plan.masks[0]["ftp_service"]
    assert 0b10000000 == plan.ports[0, 2121]


@pytest.mark.parametrize("ports", [set(), {0}, {65535}, set(range(65536))])
def test_any_ports(ports):
    plan = plan_for((Demand(services=(Service("s", TCP, frozenset(ports)),)),))
    assert ports == set(np.flatnonzero(plan.ports[0]).tolist())
    assert not plan.ports[1].any()


@pytest.mark.parametrize("count", [MAX_SERVICES, MAX_SERVICES + 1])
def test_too_many_services(count):
    """Eight different services fit into the bits; of a ninth the message tells how many and which."""
    services = [Service(f"s{i}", UDP, frozenset({i})) for i in range(count)]
    demands = [(Demand(services=(s,)),) for s in services]
    if count <= MAX_SERVICES:
        assert [1 << i for i in range(count)] == plan_for(*demands).ports[1, :count].tolist()
        return
    with pytest.raises(DemandError, match=r"ask for 9 services \(s0, s1, .*, s8\); expected at most 8"):
        plan_for(*demands)


@pytest.mark.parametrize(("service", "told"), [
    (Service("odd", 132, frozenset({1})), "service odd is of protocol 132; expected TCP [(]6[)] or UDP [(]17[)]"),
    (Service("odd", TCP, frozenset({65536})), "service odd is on port 65536; expected 0 to 65535"),
    (Service("odd", TCP, frozenset({-1, 5})), "service odd is on port -1; expected 0 to 65535"),
    (Service("odd", UDP, frozenset({5}), 65536), "service odd wants 65536 octets of payload; expected 0 to 65535"),
    (Service("odd", UDP, frozenset({5}), -1), "service odd wants -1 octets of payload; expected 0 to 65535"),
])  # fmt: skip
def test_impossible_services(service, told):
    """An analyser of somebody else may declare anything: the message says which service and what would do."""
    with pytest.raises(DemandError, match=told):
        plan_for((Demand(services=(service,)),))


def test_impossible_demands():
    with pytest.raises(DemandError, match="packets 'some' of FTP data connections; expected 'all' or 'boundaries'"):
        plan_for((Demand(ftp_data="some"),))
    with pytest.raises(DemandError, match="signatures by sha1; expected fast64 or md5"):
        plan_for((Demand(signature=Signature(algorithm="sha1")),))
    with pytest.raises(DemandError, match="signatures of 65536 octets; expected 0 to 65535"):
        plan_for((Demand(signature=Signature(octets=65536)),))


def signed(**options) -> tuple[Demand, ...]:
    return (Demand(Fragments.FIRST, signature=Signature(**options)),)


@pytest.mark.parametrize("algorithm", ["fast64", "md5"])
def test_signatures(algorithm):
    """One algorithm, and a length for those with and one for those without address translation."""
    plan = plan_for(signed(algorithm=algorithm, octets=100), signed(algorithm=algorithm, octets=40, nat=True),
                    signed(algorithm=algorithm, octets=100), ())
    masks = plan.masks[0]
    assert (0b101, 0b010, 100, 40, algorithm == "md5") == (
        masks["signed"], masks["signed_nat"], masks["signed_octets"], masks["signed_nat_octets"], masks["md5"])


def test_no_signatures():
    masks = plan_for((NOTHING_SPECIAL,)).masks[0]
    assert (0, 0, 0) == (masks["signed_octets"], masks["signed_nat_octets"], masks["md5"])


@pytest.mark.parametrize(("one", "other", "told"), [
    (signed(), signed(algorithm="md5"), "signatures by fast64 and md5; expected one algorithm"),
    (signed(algorithm="md5", nat=True), signed(), "signatures by fast64 and md5; expected one algorithm"),
    (signed(octets=64), signed(octets=1000), "signatures of 64 and 1000 octets; expected one length$"),
    (signed(octets=64, nat=True), signed(octets=32, nat=True), "of 32 and 64 octets; expected one length for those with nat$"),
])  # fmt: skip
@pytest.mark.parametrize("same_class", [False, True])
def test_signatures_that_do_not_go_together(one, other, told, same_class):
    with pytest.raises(DemandError, match=told):
        plan_for(one + other if same_class else one, () if same_class else other)


def test_transport_fields_are_fields():
    """Those of the transport header, which later fragments do not have; a packet's protocol is in its IP header."""
    assert set(FIELDS) >= TRANSPORT_FIELDS
    of_ip = {"interface", "vlan", "ip_version", "src_addr", "dst_addr", "addr", "protocol", "tos", "dscp", "ttl", "length",
             "fragment"}
    assert of_ip == set(FIELDS) - TRANSPORT_FIELDS


@pytest.mark.parametrize("field", sorted(FIELDS))
@pytest.mark.parametrize("layer", ["top", "middle", "bottom"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("negated", [False, True])
def test_filters_that_look_at_the_transport_header(field, layer, last, negated):
    """A predicate on a field of it counts in any layer and place, negated or not; others do not."""
    around = looks_at("ttl")
    term = looks_at(field)
    if layer != "top":
        if layer == "bottom":
            term = Conjunction((around, term) if last else (term, around), negated)
        term = Disjunction((around, term) if last else (term, around), negated)
    filter_ = Filter((Disjunction((around,)), term) if last else (term, Disjunction((around,))), negated)
    plan = plan_for((), (), (), filters=(ALL, filter_, Filter((around,))))
    assert ({"by_transport": 0b010} if field in TRANSPORT_FIELDS else {}) == masks_of(plan)


def test_filters_and_demands_are_of_the_same_classes():
    with pytest.raises(ValueError, match="zip"):
        plan_of((ALL, ALL), ((NOTHING_SPECIAL,),))
