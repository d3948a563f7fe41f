"""Which father reads what, and into which lane."""

import pytest

from tmon_common.config.model import Interface, Probe
from tmon_probe.lanes import Member, plan_lanes


def planned(*interfaces: Interface, father_cpu: int = 0) -> tuple[list[tuple[int, int, int, int]], int, tuple[int, ...]]:
    """([(interface, part, father, lane)], lanes, CPUs of the fathers)."""
    plan = plan_lanes(Probe("p", interfaces, (), father_cpu=father_cpu))
    return [(m.interface, m.part, m.father, m.lane) for m in plan.members], plan.lanes, plan.father_cpus


def test_ordinary_interfaces_share_father_and_lane():
    assert ([(0, 0, 0, 0), (1, 0, 0, 0), (2, 0, 0, 0)], 1, (3,)) == planned(*(Interface(n) for n in "abc"), father_cpu=3)


def test_directions_of_a_link_have_lanes_of_their_own():
    """And one father, who keeps them abreast; the others still share."""
    interfaces = Interface("a"), Interface("b", link="x"), Interface("c"), Interface("d", link="x")
    assert ([(0, 0, 0, 0), (1, 0, 0, 1), (2, 0, 0, 0), (3, 0, 0, 2)], 3, (0,)) == planned(*interfaces)


def test_fathers_of_an_interface_are_on_the_following_cpus():
    """The main process is the first of them, and reads the ordinary interfaces too."""
    assert ([(0, 0, 0, 0), (1, 0, 0, 1), (1, 1, 1, 2), (1, 2, 2, 3)], 4, (4, 5, 6)) == planned(
        Interface("a"), Interface("b", fathers=3), father_cpu=4)


def test_there_is_one_father_a_cpu():
    """Interfaces with the same father_cpus share the processes; the main process reads the first source, wherever that is."""
    assert ([(0, 0, 0, 0), (0, 1, 1, 1), (1, 0, 1, 2), (1, 1, 2, 3), (2, 0, 3, 4)], 5, (2, 5, 7, 0)) == planned(
        Interface("a", fathers=2, father_cpus=(2, 5)), Interface("b", fathers=2, father_cpus=(5, 7)), Interface("c"))


def test_a_father_reads_an_interface_once():
    """Statistics are kept for each pair of them."""
    plan = plan_lanes(Probe("p", (Interface("a", fathers=4), Interface("b", fathers=2, link="x"), Interface("c", link="x")), ()))
    pairs = [(m.father, m.interface) for m in plan.members]
    assert len(pairs) == len(set(pairs))
    assert [Member(0, 0, 0, 0), Member(1, 0, 0, 4), Member(2, 0, 0, 6)] == plan.read_by(0)


def test_too_many_fathers():
    many = (Interface("a", fathers=40), Interface("b", fathers=40, father_cpus=tuple(range(100, 140))))
    with pytest.raises(ValueError, match="80 CPUs for fathers; a probe has at most 64"):
        plan_lanes(Probe("p", many, ()))
