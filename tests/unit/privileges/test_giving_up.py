"""What a probe keeps, by its configuration, and what it takes over from itself. The capabilities are a stand-in."""

import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tmon_common.config.model import Interface, Probe
from tmon_probe.privileges import OWN, capabilities, giving_up
from tmon_probe.privileges.capabilities import NET_ADMIN, NET_RAW
from tmon_probe.privileges.giving_up import VARIABLE, PrivilegesError, PrivilegesGoneError, give_up
from tmon_probe.privileges.needs import needs, needs_itself

RECORDING = Interface("file", files=("x.pcap",))
DEVICE = Interface("lan", device="lo", capture="afpacket")
LIBPCAP = Interface("any", device="any")
SWITCHED, STAMPED = replace(DEVICE, offloads="off"), replace(DEVICE, timestamps="hardware")


def probe(*interfaces):
    return Probe("edge", interfaces, ())


@pytest.fixture
def machine(monkeypatch):
    """permitted: capabilities of this process; kept: what was kept, each time; keepers: with what each was made."""
    state = SimpleNamespace(permitted={NET_RAW, NET_ADMIN, 21}, kept=[], keepers=[], lives=True)

    def start(wanted):
        state.keepers.append(set(wanted))
        return SimpleNamespace(channel=SimpleNamespace(fileno=lambda: 99), pid=4711, capabilities=frozenset(wanted),
                               look=lambda: state.lives, close=lambda: state.keepers.append("closed"))

    monkeypatch.setattr(capabilities, "permitted", lambda: frozenset(state.permitted))
    monkeypatch.setattr(capabilities, "keep", lambda wanted: state.kept.append(set(wanted)))
    monkeypatch.setattr(giving_up, "_channel", lambda _: None)
    monkeypatch.setattr(giving_up, "Kept", SimpleNamespace(start=start))
    monkeypatch.delenv(VARIABLE, raising=False)
    return state


@pytest.mark.parametrize(("interface", "needed", "itself"), [
    (RECORDING, set(), set()), (DEVICE, {NET_RAW}, set()), (LIBPCAP, {NET_RAW}, {NET_RAW}), (SWITCHED, {NET_RAW, NET_ADMIN}, set()),
    (STAMPED, {NET_RAW, NET_ADMIN}, set()), (replace(RECORDING, offloads="off"), set(), set())])
def test_what_is_needed(interface, needed, itself):
    """Of several interfaces, what any of them needs."""
    assert needs(probe(interface)) == needs(probe(RECORDING, interface, RECORDING)) == needed
    assert needs_itself(probe(interface)) == needs_itself(probe(RECORDING, interface)) == itself


@pytest.mark.parametrize(("interface", "keepers", "kept"), [
    (RECORDING, [], set()), (DEVICE, [{NET_RAW}], set()), (SWITCHED, [{NET_RAW, NET_ADMIN}], set()),
    (LIBPCAP, [{NET_RAW}], {NET_RAW})])
def test_the_first_start(machine, interface, keepers, kept):
    remaining = give_up(probe(interface))
    assert (machine.keepers, machine.kept) == (keepers, [kept])
    assert (remaining.privileges is OWN) == (not keepers)


def test_without_any_there_is_no_keeper(machine):
    """What takes one fails when it is tried, with the words of that."""
    machine.permitted = set()
    remaining = give_up(probe(SWITCHED))
    assert machine.keepers == []
    assert remaining.privileges is OWN
    assert remaining.look("edge", 0) == []


class TestSwitch:
    """Whether a configuration can follow another in the same process."""

    @pytest.fixture
    def switch(self, machine, monkeypatch):
        def switch(before, after, pid=None):
            """What was taken over."""
            first = give_up(probe(before))
            handed = first.handed_over()
            told = handed.variables[VARIABLE]
            if pid:
                told = told.replace(f"{os.getpid()}:", f"{pid}:", 1)
            monkeypatch.setenv(VARIABLE, told)
            monkeypatch.setattr(giving_up, "Kept", self.taking_over(machine, first))
            return give_up(probe(after))

        return switch

    @staticmethod
    def taking_over(machine, first):
        def kept(_channel, pid, has):
            assert (pid, has) == (first.keeper.pid, first.keeper.capabilities)
            return first.keeper

        kept.start = giving_up.Kept.start
        return kept

    @pytest.mark.parametrize(("before", "after"), [(DEVICE, DEVICE), (SWITCHED, DEVICE), (SWITCHED, STAMPED), (DEVICE, RECORDING),
                                                   (RECORDING, RECORDING), (LIBPCAP, DEVICE)])
    def test_with_the_same_keeper(self, switch, machine, before, after):
        switch(before, after)
        assert len(machine.keepers) == (before is not RECORDING)
        assert VARIABLE not in os.environ

    @pytest.mark.parametrize(("before", "after", "named"), [
        (DEVICE, SWITCHED, "CAP_NET_ADMIN"), (RECORDING, DEVICE, "CAP_NET_RAW"),
        (RECORDING, SWITCHED, "CAP_NET_RAW and CAP_NET_ADMIN"),
        (DEVICE, LIBPCAP, "CAP_NET_RAW"), (LIBPCAP, LIBPCAP, "CAP_NET_RAW")])
    def test_it_has_to_be_started_anew(self, switch, machine, before, after, named):
        """The keeper ends with it."""
        with pytest.raises(PrivilegesGoneError, match=f"probe edge: this configuration needs {named}, which was given up"):
            switch(before, after)
        assert machine.keepers.count("closed") == (before is not RECORDING)

    def test_the_keeper_is_dead(self, switch, machine):
        machine.lives = False
        with pytest.raises(PrivilegesGoneError):
            switch(DEVICE, DEVICE)

    @pytest.mark.parametrize("after", [SWITCHED, STAMPED])
    def test_what_there_never_was_is_not_missed(self, switch, machine, after):
        """Starting anew would not help: it goes on, and whoever tries says what is missing."""
        machine.permitted = {NET_RAW}
        switch(DEVICE, after)

    def test_of_another_process(self, switch, machine):
        """Whoever has inherited the variable has not taken over anything."""
        switch(DEVICE, DEVICE, pid=1)
        assert machine.keepers == [{NET_RAW}] * 2


def test_the_death_of_the_keeper_is_told_once(machine):
    remaining = give_up(probe(DEVICE))
    assert remaining.look("edge", 7) == []
    machine.lives = False
    [told] = remaining.look("edge", 7)
    assert (told.code, told.subject) == ("keeper_lost", "edge")
    assert remaining.look("edge", 7) == []


def test_a_thread_that_was_there_too_early(machine, monkeypatch):
    """It would keep what it had: the probe does not go on so."""
    remaining = give_up(probe(DEVICE))
    monkeypatch.setattr(capabilities, "threads_with_any", list)
    remaining.give_up_the_rest()
    assert machine.kept == [set(), set()]
    monkeypatch.setattr(capabilities, "threads_with_any", lambda: [12, 13])
    with pytest.raises(PrivilegesError, match="threads 12, 13 were started too early"):
        remaining.give_up_the_rest()
