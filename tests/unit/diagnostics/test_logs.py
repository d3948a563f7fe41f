"""Messages go where the configuration says, one line each."""

import logging
import re
import socket

import pytest

from tests.unit.diagnostics.restore import restore_logging
from tmon_common.config.model import Diagnostics
from tmon_common.diagnostics import logs

LINE = re.compile(
    r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z tmon_collector WARNING tmon_collector\.spool: one \| two$", re.MULTILINE)


_restore = pytest.fixture(autouse=True)(restore_logging)


def test_one_line_with_time_program_level_and_module(capsys):
    logs.set_up(Diagnostics(), "tmon_collector")
    logging.getLogger("tmon_collector.spool").warning("one\ntwo")
    logging.getLogger("tmon_collector.spool").info("too low")
    written = capsys.readouterr().err
    assert LINE.search(written)
    assert len(written.splitlines()) == 1


def test_levels_and_destinations_per_module(tmp_path, capsys):
    """A module has its own level, and its own destination if one is given; what is below it follows."""
    modules = (("tmon_collector.spool", "debug", f"file:{tmp_path / 'spool.log'}"), ("tmon_probe", "error", ""))
    logs.set_up(Diagnostics(modules=modules), "tmon_collector")
    logging.getLogger("tmon_collector.spool").debug("to the file")
    logging.getLogger("tmon_collector.receive").warning("to stderr")
    logging.getLogger("tmon_probe.publish.sender").warning("nowhere")
    assert "to the file" in (tmp_path / "spool.log").read_text()
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == ["to stderr"]


def test_set_up_again(tmp_path):
    """A later configuration replaces the earlier one; no message is told twice."""
    for _ in range(3):
        logs.set_up(Diagnostics(destination=f"file:{tmp_path / 'log'}"), "tmon_probe")
    logging.getLogger("tmon_probe").warning("once")
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(OSError, match="missing"):
        logs.set_up(Diagnostics(destination=f"file:{tmp_path / 'missing' / 'log'}"), "tmon_probe")


def test_a_file_whose_directory_goes_away(tmp_path, capsys):
    """Whoever logs does not fail; messages go to standard error until the file can be made again."""
    directory = tmp_path / "logs"
    directory.mkdir()
    logs.set_up(Diagnostics(destination=f"file:{directory / 'log'}"), "tmon_probe")
    logger = logging.getLogger("tmon_probe")
    logger.warning("one")
    directory.rename(tmp_path / "gone")
    logger.warning("two")
    logger.warning("three")
    directory.mkdir()
    logger.warning("four")
    told = capsys.readouterr().err.splitlines()
    assert ["two", "three"] == [line.split(": ")[1] for line in told]
    assert (directory / "log").read_text().endswith("four\n")


def test_a_full_disk(capsys):
    """The message instead of a traceback."""
    logs.set_up(Diagnostics(destination="file:/dev/full"), "tmon_probe")
    logging.getLogger("tmon_probe").warning("told")
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("told")


def test_no_journal_means_stderr(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(logs, "JOURNAL", tmp_path / "none")
    logs.set_up(Diagnostics(destination="journal"), "tmon_probe")
    logging.getLogger("tmon_probe").error("told")
    assert "told" in capsys.readouterr().err


def test_the_journal_gets_datagrams(monkeypatch, tmp_path):
    """Native protocol of systemd-journald: KEY=value lines."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        monkeypatch.setattr(logs, "JOURNAL", tmp_path / "journal")
        logs.set_up(Diagnostics(destination="journal"), "tmon_probe")
        logging.getLogger("tmon_probe.x").error("told\nin two lines")
        assert journal.recv(1000).decode().splitlines() == [
            "PRIORITY=3", "SYSLOG_IDENTIFIER=tmon_probe", "TRAFMON_MODULE=tmon_probe.x", "MESSAGE=told | in two lines"]


def test_a_file_that_cannot_be_opened_leaves_all_as_it_was(tmp_path):
    logs.set_up(Diagnostics(destination=f"file:{tmp_path / 'log'}"), "tmon_probe")
    with pytest.raises(OSError, match="missing"):
        logs.set_up(Diagnostics(modules=(("tmon_probe.father", "debug", f"file:{tmp_path / 'missing' / 'log'}"),)), "tmon_probe")
    logging.getLogger("tmon_probe.father").warning("still told")
    assert "still told" in (tmp_path / "log").read_text()


def test_a_plug_in_that_is_named_no_more_is_as_before():
    """Loggers of other packages, too, are given back."""
    logs.set_up(Diagnostics(modules=(("somebody.elses", "debug", "stderr"),)), "tmon_probe")
    assert logging.getLogger("somebody.elses").isEnabledFor(logging.DEBUG)
    logs.set_up(Diagnostics(), "tmon_probe")
    assert not logging.getLogger("somebody.elses").isEnabledFor(logging.DEBUG)
    assert [] == logging.getLogger("somebody.elses").handlers


@pytest.mark.parametrize("trouble", ["gone", "full"])
def test_a_journal_that_takes_nothing(monkeypatch, tmp_path, capsys, trouble):
    """Nobody waits for it; the message goes to standard error."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        monkeypatch.setattr(logs, "JOURNAL", tmp_path / "journal")
        logs.set_up(Diagnostics(destination="journal"), "tmon_probe")
        if trouble == "gone":
            (tmp_path / "journal").unlink()
        for n in range(10_000):
            logging.getLogger("tmon_probe.x").error("message %d", n)
            if told := capsys.readouterr().err:
                break
    assert f"tmon_probe ERROR tmon_probe.x: message {n}\n" == told
