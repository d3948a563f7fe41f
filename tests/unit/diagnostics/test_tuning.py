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
def messages(path):
    return path.with_name("messages")


@pytest.fixture
def made(path, messages):
    configured = Diagnostics(destination=f"file:{messages}")
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


def test_errors_are_told_with_file_and_line(made, path, messages):
    path.write_text("tmon_probe.child debug\ntmon_probe.nonsense debug\ntmon_probe loud\n")
    made.look()
    told = messages.read_text()
    assert f"{path}:2: tmon_probe.nonsense: there is no such module" in told
    assert f"{path}:3: loud: expected module, level" in told
    assert "DEBUG" == level()
    made.look()
    assert told == messages.read_text()


def test_a_destination_that_cannot_be_written(made, path, tmp_path, messages):
    """That line is left out; messages go where they went."""
    path.write_text(f"* info file:{tmp_path}/missing/log\n")
    made.look()
    assert f"{path}:1: {tmp_path}/missing/log cannot be written: No such file or directory" in messages.read_text()
    logging.getLogger("tmon_probe").warning("still here")
    assert "still here" in messages.read_text()


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


def test_octets_that_are_no_text(made, path, messages):
    path.write_bytes(bytes(range(256)) * 2)
    made.look()
    assert "there is no such module" in messages.read_text()
    path.write_bytes(b"# " + bytes(tuning.MAX_OCTETS))
    made.look()
    assert "more than 64 KiB" in messages.read_text()


def test_a_forked_process_follows(made, path, messages):
    """Both the steps and the file, and tells nothing: one process does."""
    path.write_text("tmon_probe.child info\nnonsense\n")
    ask, answer = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
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
    assert 1 == messages.read_text().count("nonsense")
    for descriptor in (*ask, *answer):
        os.close(descriptor)


def test_nothing_to_follow(path):
    tuning.follow()


def test_a_pipe_is_no_destination(made, path, tmp_path, messages):
    """Nobody may read it: the program would stand still."""
    os.mkfifo(tmp_path / "pipe")
    path.write_text(f"* info file:{tmp_path}/pipe\n")
    made.look()
    assert f"{path}:1: {tmp_path}/pipe is a pipe" in messages.read_text()
