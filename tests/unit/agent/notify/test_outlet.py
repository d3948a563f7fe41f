"""What one manager is told: which, in what order, how many at once; and that nothing is told twice or forgotten uncounted."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tmon_agent.notify.outlet import BURST, MAX_WAITING, RATE, ROOM_AGAIN, SUMMED, Outlet
from tmon_common.event_board import BoardEvent
from tmon_common.events import Severity

SECOND = 1_000_000_000


def made(sequence, severity=Severity.WARNING, code="kernel_drops"):
    return BoardEvent(sequence, sequence * SECOND, severity, code, "eth0", f"event {sequence}")


def taken(outlet, now_ns=0, *, delivered=True):
    """Everything that is told at this moment, each settled at once."""
    found = []
    while event := outlet.take(now_ns):
        found.append(event)
        outlet.settled(delivered=delivered)
    return found


def test_only_what_is_severe_enough():
    """Others are seen, and need not be looked at again."""
    outlet = Outlet(Severity.WARNING)
    outlet.offer([made(1, Severity.INFO), made(2), made(3, Severity.ERROR), made(4, Severity.INFO)], 0, 0)
    assert [2, 3] == [e.sequence for e in taken(outlet)]
    assert (4, 4) == (outlet.seen, outlet.told)


def test_one_at_a_time():
    """The next comes when the one before is settled; what is not settled counts as not told."""
    outlet = Outlet(Severity.INFO)
    outlet.offer([made(1), made(2)], 0, 0)
    assert 1 == outlet.take(0).sequence
    assert outlet.take(0) is None
    assert (0, 2) == (outlet.told, outlet.waiting)
    outlet.settled(delivered=False)
    assert (1, 2, (0, 1)) == (outlet.told, outlet.take(0).sequence, (outlet.sent, outlet.lost))


def test_one_that_could_not_be_tried_is_the_next_again():
    outlet = Outlet(Severity.INFO)
    outlet.offer([made(1), made(2)], 0, 0)
    for _ in range(3 * BURST):
        assert 1 == outlet.take(0).sequence
        outlet.untaken()
    assert [1, 2] == [e.sequence for e in taken(outlet)]


def test_rate():
    """BURST at once, then RATE a second."""
    outlet = Outlet(Severity.INFO)
    outlet.offer([made(n) for n in range(1, BURST + 31)], 0, 0)
    assert BURST == len(taken(outlet, 1))
    assert RATE == len(taken(outlet, 1 + SECOND))
    assert 20 == len(taken(outlet, 1 + 60 * SECOND))


def test_too_many_are_summed():
    """What finds no room is told in one: how many of which code, as severe as the worst; what follows comes after it."""
    outlet = Outlet(Severity.INFO)
    outlet.offer([made(n) for n in range(1, MAX_WAITING + 1)], 0, 0)
    outlet.offer([*(made(n) for n in range(101, 140)), made(140, Severity.ERROR, "device_lost")], 0, 0)
    now, told = 0, []
    while outlet.waiting > ROOM_AGAIN:
        told += taken(outlet, now := now + SECOND // RATE)
    outlet.offer([made(141)], 0, 0)
    while more := taken(outlet, now := now + SECOND):
        told += more
    assert [*range(1, 101), 140, 141] == [e.sequence for e in told]
    total = told[-2]
    assert (SUMMED, Severity.ERROR, 140 * SECOND) == (total.code, total.severity, total.time_ns)
    assert "40 events not told one by one: 39 kernel_drops, 1 device_lost" == total.text
    assert (102, 40, 141) == (outlet.sent, outlet.lost, outlet.told)


def test_overwritten_events_are_told_of():
    """More than the board holds came between two looks."""
    outlet = Outlet(Severity.ERROR)
    outlet.offer([made(8, Severity.ERROR)], 7, 5)
    told = taken(outlet)
    assert ["7 events not told one by one: 7 overwritten before they could be read", "event 8"] == [e.text for e in told]
    assert (7, 8) == (outlet.lost, outlet.told)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 3), st.sampled_from(["deliver", "fail", "cannot", "hang"])),
                max_size=40))
def test_nothing_is_told_twice_or_lost_uncounted(rounds):
    """Whatever the manager does: each event is delivered, given up, or in a sum; in order; and what was told never shrinks."""
    outlet, sequence, now, told = Outlet(Severity.INFO), 0, 0, 0
    out, single, summed = [], 0, 0
    for count, missed, how in [*rounds, *[(0, 0, "deliver")] * 400]:
        sequence += missed
        new = [made(sequence + n + 1) for n in range(count)]
        sequence += count
        outlet.offer(new, missed, now)
        now += SECOND
        while how != "hang" and (event := outlet.take(now)):
            if how == "cannot":
                outlet.untaken()
                break
            outlet.settled(delivered=how == "deliver")
            out.append(event.sequence)
            if event.code != SUMMED:
                single += 1
            else:
                summed += int(re.match(r"[\d,]+", event.text)[0].replace(",", ""))
        assert told <= outlet.told
        told = outlet.told
        assert outlet.waiting <= MAX_WAITING + 1
    assert sorted(out) == out
    assert (sequence, 0) == (outlet.told, outlet.waiting)
    assert sequence == single + summed
    assert len(out) + summed == outlet.sent + outlet.lost

