"""How events get from the board to whoever carries them away, on a clock that stands still."""

import asyncio

import pytest

from tests.pipeline.agent_services import MadeUp
from tmon_agent.notify import teller
from tmon_agent.notify.teller import PROGRAM_NS, Teller
from tmon_agent.service import Setting
from tmon_agent.view import View
from tmon_common.clock import FakeClock
from tmon_common.config.model import Agent, Configuration
from tmon_common.event_board import MAX_EVENTS
from tmon_common.events import Severity


class Hand:
    """Takes what it is given, and answers when the test wants it to. answer: at once, if it is not None; able: to take at all."""

    def __init__(self, answer=None, able=True):
        self.answer, self.able, self.taken, self.open = answer, able, [], []

    def send(self, event, program, done):
        if not self.able:
            return False
        self.taken.append((event.sequence, event.code))
        if self.answer is not None:
            done(self.answer)
        else:
            self.open.append(done)
        return True

    @property
    def numbers(self):
        return [sequence for sequence, _ in self.taken]


class Play:
    """A teller of a program that is made up, for hands by name."""

    def __init__(self, program, tmp_path, **hands):
        self.clock = FakeClock(monotonic_ns=10**12)
        self.view = View(Setting(program.kind, program.name, Agent(), Configuration(tmp_path / "tmon.xml")), self.clock,
                         open_source=program.source)
        self.teller = Teller(self.view, "test", {name: (Severity.WARNING, hand) for name, hand in hands.items()},
                             self.clock.monotonic_ns)

    def look(self, times=1):
        """And let what it leads to happen."""

        async def once():
            self.teller.look()
            for _ in range(100):
                await asyncio.sleep(0)

        for _ in range(times):
            self.clock.advance(PROGRAM_NS)
            asyncio.run(once())


@pytest.fixture
def program():
    with MadeUp("probe", "edge") as made:
        yield made


def test_one_after_the_other(program, tmp_path):
    """The next is sent when the one before is answered, without another look; an answer counts once."""
    hand = Hand()
    play = Play(program, tmp_path, noc=hand)
    program.tell(3)
    play.look()
    assert [1] == hand.numbers
    hand.answer = ""

    async def answered():
        hand.open[0]("")
        hand.open[0]("")
        await asyncio.sleep(0.01)

    asyncio.run(answered())
    assert [1, 2, 3] == hand.numbers
    assert (3, 0) == (play.view.counts["notifications_sent"], play.view.counts["notifications_lost"])


def test_managers_do_not_wait_for_each_other(program, tmp_path, caplog):
    """Each has its own counts; that one is not reached is told once, and that it is again."""
    silent, deaf, good = Hand(), Hand("no answer"), Hand("")
    play = Play(program, tmp_path, silent=silent, deaf=deaf, good=good)
    program.tell(5)
    play.look()
    assert [1, 5, 5] == [len(hand.taken) for hand in (silent, deaf, good)]
    told = play.view.managers
    assert [(0, 0, 5, True), (0, 5, 0, False), (5, 0, 0, True)] == [
        (told[n].sent, told[n].lost, told[n].waiting, told[n].reached) for n in ("silent", "deaf", "good")]
    assert 1 == caplog.text.count("manager deaf: a notification is given up")
    deaf.answer = ""
    program.tell()
    play.look()
    assert told["deaf"].reached


def test_who_cannot_take_now_is_asked_again(program, tmp_path):
    """Nothing is lost, nothing comes out of order."""
    hand = Hand("", able=False)
    play = Play(program, tmp_path, noc=hand)
    program.tell(2)
    play.look(3)
    hand.able = True
    play.look()
    assert [1, 2] == hand.numbers
    assert 0 == play.view.counts["notifications_lost"]


def test_more_than_the_board_holds(program, tmp_path):
    """What was overwritten is told as a sum, first."""
    hand = Hand("")
    play = Play(program, tmp_path, noc=hand)
    program.tell(MAX_EVENTS + 6)
    play.look(60)
    assert [(6, "events_summed"), *((n, "no_traffic") for n in range(7, MAX_EVENTS + 7))] == hand.taken
    assert (MAX_EVENTS + 1, 6) == (play.view.counts["notifications_sent"], play.view.counts["notifications_lost"])


def test_one_that_follows_goes_on(program, tmp_path):
    """An agent that is killed has noted what was settled; what was not answered is told again."""
    hand = Hand("")
    play = Play(program, tmp_path, noc=hand)
    program.tell(2)
    play.look()
    hand.answer = None
    program.tell(2)
    play.look()
    assert [1, 2, 3] == hand.numbers
    again = Hand("")
    program.tell()
    Play(program, tmp_path, noc=again).look()
    assert [3, 4, 5] == again.numbers


def test_another_run(program, tmp_path, caplog):
    """Its events are numbered anew; what waits of the one before is given up and counted; a late answer to it changes nothing."""
    hand = Hand()
    play = Play(program, tmp_path, noc=hand)
    program.tell(3)
    play.look()
    program.restart()
    program.tell()
    play.look()
    assert [1, 1] == hand.numbers
    assert "3 notifications of the run before are given up" in caplog.text
    hand.open[0]("")
    assert (0, 3, 1) == tuple(getattr(play.view.managers["noc"], name) for name in ("sent", "lost", "waiting"))


def test_last_words(program, tmp_path, monkeypatch):
    """What the program tells at its end is told, though its board has been removed, and the agent told to end."""
    monkeypatch.setattr(teller, "LOOK_S", 0.01)
    hand = Hand("")
    play = Play(program, tmp_path, noc=hand)

    async def ended():
        running = asyncio.create_task(play.teller.run())
        await asyncio.sleep(0)  # its first look
        program.tell(2)
        program.board.close()
        running.cancel()
        await asyncio.wait([running])

    program.tell()
    play.look()
    asyncio.run(ended())
    assert [1, 2, 3] == hand.numbers
