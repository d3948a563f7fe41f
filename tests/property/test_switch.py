"""Whatever is done to the file and the clock, by whichever programs: what a switch may never do."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.config.switch_files import Disk, DiskFiles
from tmon_common.clock import FakeClock
from tmon_common.config.switch import BLIND_NS, LOOK_EVERY_NS, Examined, Switch
from tmon_common.moment import Moment

SECOND = 1_000_000_000
OLD = Examined("old")
ACTIONS = st.lists(st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 20)),  # tenths of a second
    st.tuples(st.just("put"), st.integers(-5, 15)),  # a sound version that starts in so many seconds
    st.tuples(st.just("unsound"), st.integers(0, 2)),
    st.tuples(st.just("remove"), st.just(0)),
    st.tuples(st.just("step"), st.integers(-20, 20)),
    st.tuples(st.just("lock"), st.just(0)),
    st.tuples(st.just("unlock"), st.just(0)),
    st.tuples(st.just("hang up"), st.integers(0, 2)),  # SIGHUP
), max_size=60)


class Run:
    """Three programs that share the files and look ten times a second, in turns."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.disk = Disk(self.clock, OLD)
        self.programs = [Switch(DiskFiles(self.disk), OLD.digest) for _ in range(3)]
        self.told = [[] for _ in self.programs]
        self.begun_with: dict[int, str] = {}
        self.versions = 0
        for program in self.programs:  # each looks at its own moment within a second
            program.look(Moment.of(self.clock))
            self.clock.advance(SECOND * 3 // 10)

    def look(self, at_once: int | None = None) -> None:
        for n, program in enumerate(self.programs):
            before = program.begun
            self.told[n] += program.look(Moment.of(self.clock), at_once=n == at_once)
            if program.begun and not before:
                self.begun_with[n] = self.disk.current.digest
                assert self.disk.current.problem == ""
                assert (self.disk.current.start_at_ns or 0) <= self.clock.wall_ns()

    def do(self, action: str, number: int) -> None:
        if action == "pass":
            for _ in range(number):
                self.clock.advance(SECOND // 10)
                self.look()
        elif action == "put":
            self.versions += 1
            self.disk.put(Examined(f"v{self.versions}", start_at_ns=self.clock.wall_ns() + number * SECOND))
        elif action == "unsound":
            self.disk.put(Examined(f"bad{number}", "no such thing"))
        elif action == "remove":
            self.disk.put(None)
        elif action == "step":
            self.clock.step(number * SECOND)
        elif action == "lock":
            self.disk.unwritable = "Read-only file system"
        elif action == "unlock":
            self.disk.unwritable = ""
        else:
            self.look(at_once=number)


@given(ACTIONS)
def test_never_before_its_time_never_unsound_never_alone(actions):
    """A version that takes force is sound and due; once one program has begun, all others that look do within a second of its time;
    they begin with the same version; what is told of each version is told in order."""
    run = Run()
    for action in actions:
        run.do(*action)
        if run.begun_with:
            break
    if run.begun_with:
        for _ in range((LOOK_EVERY_NS + BLIND_NS) // (SECOND // 10) + 1):
            run.clock.advance(SECOND // 10)
            run.look()
        assert {0, 1, 2} == set(run.begun_with)
        assert 1 == len(set(run.begun_with.values()))
        assert [run.disk.current.digest] == run.disk.renames
    else:
        assert OLD == run.disk.current
    for told in run.told:
        open_versions: set[str] = set()
        for e in told:
            version = dict(e.values)["version"]
            if e.code == "configuration_scheduled":
                open_versions = {version}
            elif e.code == "configuration_cancelled":
                assert {version} == open_versions
                open_versions = set()
            else:
                assert e.code == "configuration_refused"


@given(ACTIONS, st.integers(0, 20))
def test_a_sound_version_left_alone_takes_force(actions, in_s):
    """Whatever went before, as long as the files can be written."""
    run = Run()
    for action in actions:
        if action[0] == "step" and run.versions:
            continue  # a clock set back makes a version wait for its own time, as it should
        run.do(*action)
        if run.begun_with:
            return
    run.disk.unwritable = ""
    run.do("put", in_s)
    run.do("pass", 10 * (in_s + 5))
    assert {0, 1, 2} == set(run.begun_with)
    assert {f"v{run.versions}"} == set(run.begun_with.values())
