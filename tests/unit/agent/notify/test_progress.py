"""What was told is remembered over the restart of an agent, and not over that of its program."""

import json
import os

import pytest

from tmon_agent.notify.progress import Progress
from tmon_common.event_board import TOLD, EventBoard
from tmon_common.segment import SEGMENTS

BOARD = f"trafmon-test-{os.getpid()}-events"


def test_goes_on(tmp_path):
    Progress(BOARD, "managers", 5, tmp_path).note({"noc": 7, "second": 3})
    again = Progress(BOARD, "managers", 5, tmp_path)
    assert (7, 3, 0) == tuple(again.told(name) for name in ("noc", "second", "new"))
    assert [0o600] == [p.stat().st_mode & 0o777 for p in tmp_path.iterdir()]


def test_another_run_begins_anew(tmp_path):
    Progress(BOARD, "managers", 5, tmp_path).note({"noc": 7})
    assert 0 == Progress(BOARD, "managers", 6, tmp_path).told("noc")


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"run": 5}', '{"run": 5, "told": 3}', '{"run": 5, "told": {"noc": "x"}}',
                                  '{"run": 5, "told": {"noc": -1}}', json.dumps({"run": 5, "told": {"noc": 1}})[:-3]])
def test_what_makes_no_sense_counts_for_nothing(tmp_path, text):
    (tmp_path / f"{BOARD}{TOLD}-managers").write_text(text)
    assert 0 == Progress(BOARD, "managers", 5, tmp_path).told("noc")


def test_a_link_in_its_place_is_not_followed(tmp_path):
    """Everybody may write to /dev/shm: nothing is read or written through a link that somebody has laid there."""
    (tmp_path / "victim").write_text("precious")
    (tmp_path / f"{BOARD}{TOLD}-managers").symlink_to(tmp_path / "victim")
    progress = Progress(BOARD, "managers", 5, tmp_path)
    progress.note({"noc": 1})
    assert "precious" == (tmp_path / "victim").read_text()
    assert 1 == Progress(BOARD, "managers", 5, tmp_path).told("noc")


def test_no_room(tmp_path, caplog):
    """Told once; what is told goes on."""
    progress = Progress(BOARD, "managers", 5, tmp_path / "missing")
    progress.note({"noc": 1})
    progress.note({"noc": 2})
    assert 1 == caplog.text.count("cannot be written")
    assert 2 == progress.told("noc")


def test_ends_with_the_board():
    """What the dead have left is taken away by the next board, what belongs to one by its end."""
    board = EventBoard.create(BOARD)
    Progress(BOARD, "managers", 5).note({"noc": 1})
    assert 1 == Progress(BOARD, "managers", 5).told("noc")
    board.close()
    assert [] == list(SEGMENTS.glob(f"{BOARD}*"))
