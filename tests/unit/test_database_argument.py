"""Which database a command is about."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.config.documents import GOOD, write
from trafmon import show
from trafmon.database_argument import NoDatabaseError, add_configuration_argument, configuration_of, database_of


def asked(database, *arguments):
    parser = argparse.ArgumentParser()
    add_configuration_argument(parser)
    return configuration_of(parser.parse_args(list(map(str, arguments))), database)


def test_a_file_or_a_configuration(tmp_path):
    """Either one; both: that file, or that database on the server of the configuration."""
    configuration = asked(None, "-c", write(tmp_path, GOOD))
    assert asked("x.duckdb") is None
    assert Path("x.duckdb") == database_of(None, "x.duckdb") == database_of(configuration, "x.duckdb")
    assert tmp_path / "trafmon.duckdb" == database_of(configuration, None)
    server = replace(configuration, store=replace(configuration.store, backend="mysql", database="trafMon"))
    assert server.store == database_of(server, None)
    assert replace(server.store, database="trafMon_lab") == database_of(server, "trafMon_lab")


@pytest.mark.parametrize("arguments", [["-c", "/nowhere.xml"], []])
def test_what_is_wrong(arguments, monkeypatch, tmp_path):
    """The file that cannot be read is named; without any, what to give."""
    monkeypatch.setattr("tmon_common.config.locate.SYSTEM_DIRECTORY", tmp_path)
    with pytest.raises(NoDatabaseError, match="/nowhere.xml: cannot be read" if arguments else "expected a DATABASE"):
        asked(None, *arguments)


def test_exit_statuses_of_show(tmp_path, capsys):
    """1: a database that is not there; 2: configuration."""
    parser = argparse.ArgumentParser()
    show.add_arguments(parser)
    none, wrong = str(tmp_path / "none.duckdb"), str(tmp_path / "none.xml")
    assert [1, 2] == [show.run(parser.parse_args(a)) for a in ([none], ["-c", wrong])]
    assert "none.duckdb" in capsys.readouterr().err
