"""The scheduled switch on simulated time: what is accepted, refused, cancelled, and when it takes force."""

import pytest

from tests.unit.config.switch_files import Disk, DiskFiles
from tmon_common.clock import FakeClock
from tmon_common.config.switch import BLIND_NS, NOTICE_NS, PLACE_PATIENCE_NS, Examined, Switch, moment_text
from tmon_common.moment import Moment

SECOND = 1_000_000_000
STEP = SECOND // 10
OLD, NOW = Examined("a" * 64), Examined("b" * 64)


class Program:
    """A program that looks ten times a second."""

    def __init__(self, disk: Disk, allowed: bool = True) -> None:
        self.disk, self.clock, self.files = disk, disk.clock, DiskFiles(disk, allowed)
        self.switch = Switch(self.files, disk.current.digest)
        self.events = []

    def look(self, *, at_once: bool = False) -> None:
        self.events += self.switch.look(Moment.of(self.clock), at_once=at_once)

    @property
    def codes(self) -> list[str]:
        return [e.code.removeprefix("configuration_") for e in self.events]

    @property
    def begun(self) -> bool:
        return self.switch.begun


def run(for_ns: int, *programs: Program) -> None:
    """Until all have begun, at most so long."""
    for _ in range(for_ns // STEP):
        for program in programs:
            program.look()
        if all(p.begun for p in programs):
            return
        programs[0].clock.advance(STEP)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def disk(clock):
    return Disk(clock, OLD)


@pytest.fixture
def program(disk):
    program = Program(disk)
    program.look()
    return program


def at(clock: FakeClock, in_ns: int, digest: str = "c" * 64) -> Examined:
    return Examined(digest, start_at_ns=clock.wall_ns() + in_ns)


def test_nothing_there_nothing_told(program):
    run(100 * SECOND, program)
    assert not program.begun
    assert [] == program.events


@pytest.mark.parametrize("in_ns", [5 * SECOND, 600 * SECOND])
def test_a_version_takes_force_at_its_time(clock, disk, program, in_ns):
    """Not before, and within one look after; told once when it is found; the old file is gone then, not before."""
    wanted = at(clock, in_ns)
    disk.put(wanted)
    run(2 * in_ns, program)
    assert program.begun
    assert 0 <= clock.wall_ns() - wanted.start_at_ns <= STEP
    assert ["scheduled"] == program.codes
    assert (wanted, None) == (disk.current, disk.next)
    assert program.events[0].text.endswith(f"takes force {moment_text(wanted.start_at_ns)}")


def test_until_its_time_the_old_one_is_in_force(clock, disk, program):
    disk.put(at(clock, 10 * SECOND))
    run(10 * SECOND - STEP, program)
    assert not program.begun
    assert OLD == disk.current


@pytest.mark.parametrize("version", [NOW, Examined("c" * 64, start_at_ns=0), Examined("d" * 64, start_at_ns=-(10**18))])
def test_the_past_means_now(clock, disk, program, version):
    """At once is so soon that all programs have seen it, which look once a second."""
    since_ns = clock.monotonic_ns()
    disk.put(version)
    run(100 * SECOND, program)
    assert program.begun
    assert NOTICE_NS <= clock.monotonic_ns() - since_ns <= NOTICE_NS + STEP


def test_a_signal_makes_it_look_at_once(clock, disk, program):
    run(SECOND // 2, program)
    disk.put(NOW)
    program.look()
    assert [] == program.codes
    program.look(at_once=True)
    assert ["scheduled"] == program.codes


def test_an_unsound_file_is_refused_once(disk, program):
    """Its first problem is in the text; everything goes on, and the same file is not told again, nor read again."""
    disk.put(Examined("e" * 64, "line 7: no such thing"))
    run(100 * SECOND, program)
    assert not program.begun
    assert ["refused"] == program.codes
    assert "tmon-new.xml: configuration eeeeeeeeeeee is refused: line 7: no such thing" == program.events[0].text
    assert 1 == program.files.examinations
    assert OLD == disk.current


def test_the_same_problem_in_the_same_content_is_told_once(disk, program):
    """However often the file is touched; another version is told again."""
    for digest in "eeef":
        disk.put(Examined(digest * 64, "line 7: no such thing"))
        run(5 * SECOND, program)
    assert ["refused", "refused"] == program.codes


def test_a_file_being_copied_is_not_refused(clock, disk, program):
    """As long as it grows it is only looked at; when it is whole, it counts."""
    for piece in range(20):
        disk.put(Examined(f"{piece:064}", "this is not well-formed XML"))
        run(SECOND, program)
    disk.put(NOW)
    run(100 * SECOND, program)
    assert ["scheduled"] == program.codes
    assert program.begun


def test_a_stalled_copy_is_refused_and_then_accepted(disk, program):
    disk.put(Examined("e" * 64, "this is not well-formed XML"))
    run(3 * SECOND, program)
    disk.put(NOW)
    run(100 * SECOND, program)
    assert ["refused", "scheduled"] == program.codes
    assert program.begun


def test_the_newer_counts(clock, disk, program):
    """A file replaced before its time: told again, and it alone takes force, at its own time."""
    disk.put(at(clock, 10 * SECOND))
    run(5 * SECOND, program)
    newer = at(clock, 30 * SECOND, "d" * 64)
    disk.put(newer)
    run(100 * SECOND, program)
    assert ["scheduled", "scheduled"] == program.codes
    assert newer == disk.current
    assert 0 <= clock.wall_ns() - newer.start_at_ns <= STEP


def test_an_unsound_one_in_place_of_a_scheduled_one(clock, disk, program):
    """Nothing takes force: what was scheduled is not there any more."""
    disk.put(at(clock, 10 * SECOND))
    run(5 * SECOND, program)
    disk.put(Examined("e" * 64, "no such thing"))
    run(100 * SECOND, program)
    assert ["scheduled", "refused"] == program.codes
    assert not program.begun
    assert OLD == disk.current


def test_removed_before_its_time(clock, disk, program):
    disk.put(at(clock, 10 * SECOND))
    run(5 * SECOND, program)
    disk.put(None)
    run(100 * SECOND, program)
    assert ["scheduled", "cancelled"] == program.codes
    assert not program.begun


def test_removed_and_put_there_again(clock, disk, program):
    wanted = at(clock, 20 * SECOND)
    for version in (wanted, None, wanted):
        disk.put(version)
        run(3 * SECOND, program)
    run(100 * SECOND, program)
    assert ["scheduled", "cancelled", "scheduled"] == program.codes
    assert program.begun


def test_a_version_that_cannot_start_any_more_when_its_time_comes(clock, disk, program):
    """It is checked again at its time: what it names may have gone, though the file is the same."""
    disk.put(at(clock, 10 * SECOND))
    run(5 * SECOND, program)
    disk.next = Examined("c" * 64, "recording.pcap: there is no such file")
    run(100 * SECOND, program)
    assert ["scheduled", "refused"] == program.codes
    assert not program.begun


def test_content_that_changed_unseen_is_checked_at_its_time(clock, disk, program):
    """Of the same length, within the grain of the file system's time: no stamp tells it. The new content's time counts."""
    disk.put(at(clock, 10 * SECOND))
    run(5 * SECOND, program)
    disk.next = at(clock, 30 * SECOND, "d" * 64)
    wanted_ns = disk.next.start_at_ns
    run(100 * SECOND, program)
    assert ["scheduled", "scheduled"] == program.codes
    assert 0 <= clock.wall_ns() - wanted_ns <= STEP


@pytest.mark.parametrize("step_ns", [-3600 * SECOND, 3600 * SECOND])
def test_the_wall_clock_counts(clock, disk, program, step_ns):
    """A clock that is set: `startAt` is a time of day."""
    wanted = at(clock, 7200 * SECOND)
    disk.put(wanted)
    run(5 * SECOND, program)
    clock.step(step_ns)
    run(20_000 * SECOND, program)
    assert 0 <= clock.wall_ns() - wanted.start_at_ns <= STEP


def test_a_clock_set_back_does_not_keep_now_waiting(clock, disk, program):
    disk.put(NOW)
    program.look(at_once=True)
    clock.step(-86_400 * SECOND)
    run(2 * NOTICE_NS, program)
    assert program.begun


def test_a_clock_set_over_its_time(clock, disk, program):
    disk.put(at(clock, 86_400 * SECOND))
    run(5 * SECOND, program)
    clock.step(2 * 86_400 * SECOND)
    program.look()
    assert program.begun


def test_a_directory_that_cannot_be_written(clock, disk, program):
    """The old one stays in force; told once; nobody restarts, and nobody tries for ever."""
    disk.unwritable = "Read-only file system"
    disk.put(at(clock, 5 * SECOND))
    run(100 * SECOND, program)
    assert ["scheduled", "refused"] == program.codes
    assert program.events[-1].text.endswith("Read-only file system")
    assert not program.begun
    assert OLD == disk.current
    assert program.files.examinations < 20


def test_a_directory_that_becomes_writable_in_time(clock, disk, program):
    disk.unwritable = "Read-only file system"
    disk.put(at(clock, 5 * SECOND))
    run(5 * SECOND + PLACE_PATIENCE_NS // 2, program)
    disk.unwritable = ""
    run(100 * SECOND, program)
    assert ["scheduled"] == program.codes
    assert program.begun


@pytest.mark.parametrize("in_ns", [0, 60 * SECOND])
def test_programs_that_share_the_files_switch_together(clock, disk, in_ns):
    """Wherever in the second each of them looks: one puts the file in its place, none misses it."""
    programs = [Program(disk) for _ in range(5)]
    for program in programs:
        program.look()
        clock.advance(SECOND // 5)
    disk.put(at(clock, in_ns))
    for _ in range(1000):
        for program in programs:
            program.look()
        if any(p.begun for p in programs):
            break
        clock.advance(STEP)
    first_ns = clock.monotonic_ns()
    run(100 * SECOND, *programs)
    assert all(p.begun for p in programs)
    assert clock.monotonic_ns() - first_ns <= SECOND
    assert [["scheduled"]] * 5 == [p.codes for p in programs]
    assert 1 == len(disk.renames)


def test_a_program_without_rights_follows_one_that_has_them(clock, disk):
    programs = [Program(disk, allowed=False), Program(disk)]
    disk.put(at(clock, 10 * SECOND))
    run(100 * SECOND, *programs)
    assert all(p.begun for p in programs)
    assert [["scheduled"]] * 2 == [p.codes for p in programs]


def test_two_that_rename_at_the_same_moment(clock, disk):
    """One finds the file gone between its last look and its rename, and begins then, not a second later."""
    first, second = Program(disk), Program(disk)
    disk.put(at(clock, 10 * SECOND))
    run(10 * SECOND - STEP, first, second)
    rename = second.files.put_in_force

    def too_late() -> str:
        first.look()
        return rename()

    second.files.put_in_force = too_late
    clock.advance(2 * STEP)
    second.look()
    assert first.begun
    assert second.begun
    assert [["scheduled"]] * 2 == [first.codes, second.codes]


def test_a_program_that_starts_while_the_others_switch(clock, disk):
    """It has read the old version, and at its first look another is in force: it starts again."""
    late = Program(disk)
    disk.current = NOW
    late.look()
    assert late.begun


def test_a_program_that_was_held_up_while_the_others_switched(clock, disk, program):
    clock.advance(BLIND_NS + STEP)
    disk.current = NOW
    program.look()
    assert program.begun


def test_an_unsound_file_in_force_makes_nobody_restart(clock, disk):
    late = Program(disk)
    disk.current = Examined("e" * 64, "there is no probe \"here\"")
    run(100 * SECOND, late)
    assert not late.begun


def test_a_file_edited_in_its_place_counts_from_the_next_start_on(clock, disk, program):
    disk.current = NOW
    run(100 * SECOND, program)
    assert not program.begun
    assert [] == program.events


def test_the_same_content_does_not_restart_for_ever(clock, disk):
    """A copy of the version in force is a version like any other; once it is in its place, all is quiet."""
    disk.put(Examined(OLD.digest))
    for _ in range(2):
        program = Program(disk)
        run(20 * SECOND, program)
    assert not program.begun
    assert [OLD.digest] == disk.renames


def test_the_same_content_where_nothing_can_be_written(clock, disk, program):
    """A copy that cannot be taken away: no restart, or there would be one after another."""
    disk.unwritable = "Read-only file system"
    disk.put(Examined(OLD.digest))
    run(100 * SECOND, program)
    assert not program.begun
    assert ["scheduled", "refused"] == program.codes


def test_moments_as_people_read_them():
    assert "at once" == moment_text(None)
    assert "at 2026-11-22T10:00:00Z" == moment_text(1_795_341_600 * SECOND)
    assert "at 2026-11-22T10:00:00.5Z" == moment_text(1_795_341_600 * SECOND + SECOND // 2)
