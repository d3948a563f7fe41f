"""Diagnostics changed at run time, in the process and in one forked from it."""

import logging
import os

import pytest

from tests.unit.diagnostics.restore import restore_logging
from tmon_common.config.model import Diagnostics
from tmon_common.diagnostics import logs, tuning

_restore = pytest.fixture(autouse=True)(restore_logging)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "_current", None)
    return tmp_path / "tmon_probe.diag"


@pytest.fixture
def made(path, capsys):
    """After capsys: messages go to the standard error of that time."""
    configured = Diagnostics()
    logs.set_up(configured, "tmon_probe")
    return tuning.Tuning(configured, "tmon_probe", path)


def level(module="tmon_probe.child.loop"):
    return logging.getLevelName(logging.getLogger(module).getEffectiveLevel())


def test_steps_up_and_down_again(made):
    """Not beyond debug, nor below what the configuration says."""
    levels = [level()]
    for by in (1, 1, 1, -1, -1, -1):
        made.step(by)
        levels.append(level())
    assert ["WARNING", "INFO", "DEBUG", "DEBUG", "INFO", "WARNING", "WARNING"] == levels


def test_a_file_comes_changes_and_goes(made, path):
    made.look()
    path.write_text("tmon_probe.child debug\n")
    made.look()
    assert ("DEBUG", "WARNING") == (level(), level("tmon_probe.father.loop"))
    path.write_text("tmon_probe.father info\n")
    made.look()
    assert ("WARNING", "INFO") == (level(), level("tmon_probe.father.loop"))
    path.unlink()
    made.look()
    assert ("WARNING", "WARNING") == (level(), level("tmon_probe.father.loop"))


def test_errors_are_told_with_file_and_line(made, path, capsys):
    path.write_text("tmon_probe.child debug\ntmon_probe.nonsense debug\ntmon_probe loud\n")
    made.look()
    told = capsys.readouterr().err
    assert f"{path}:2: tmon_probe.nonsense: there is no such module" in told
    assert f"{path}:3: loud: expected module, level" in told
    assert "DEBUG" == level()
    made.look()
    assert "" == capsys.readouterr().err


def test_a_destination_that_cannot_be_written(made, path, tmp_path, capsys):
    """That line is left out; messages go where they went."""
    path.write_text(f"* info file:{tmp_path}/missing/log\n")
    made.look()
    assert f"{path}:1: {tmp_path}/missing/log cannot be written: No such file or directory" in capsys.readouterr().err
    logging.getLogger("tmon_probe").warning("still here")
    assert "still here" in capsys.readouterr().err


def test_a_destination_of_its_own(made, path, tmp_path):
    path.write_text("tmon_probe.child debug file:child log\n")
    made.look()
    logging.getLogger("tmon_probe.child.loop").debug("in the file")
    assert "in the file" in (tmp_path / "child log").read_text()


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), os.mkfifo])
def test_what_is_no_file_is_not_waited_for(made, path, make):
    make(path)
    made.look()
    assert "WARNING" == level()


def test_octets_that_are_no_text(made, path, capsys):
    path.write_bytes(bytes(range(256)) * 2)
    made.look()
    assert "there is no such module" in capsys.readouterr().err
    path.write_bytes(b"# " + bytes(tuning.MAX_OCTETS))
    made.look()
    assert "more than 64 KiB" in capsys.readouterr().err


def test_a_forked_process_follows(made, path):
    """Both the steps and the file, and tells no errors: one process does."""
    path.write_text("tmon_probe.child info\nnonsense\n")
    ask, answer, done = os.pipe(), os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(done[1], 2)
        for _ in range(3):
            os.read(ask[0], 1)
            tuning.follow()
            os.write(answer[1], level().ljust(10).encode())
        os._exit(0)

    def theirs() -> str:
        os.write(ask[1], b".")
        return os.read(answer[0], 10).decode().strip()

    seen = [theirs()]
    made.look()
    seen.append(theirs())
    made.step(1)
    seen.append(theirs())
    assert 0 == os.waitpid(pid, 0)[1]
    assert ["WARNING", "INFO", "DEBUG"] == seen
    os.set_blocking(done[0], False)
    with pytest.raises(BlockingIOError):
        os.read(done[0], 1000)
    for descriptor in (*ask, *answer, *done):
        os.close(descriptor)


def test_nothing_to_follow(path):
    tuning.follow()
