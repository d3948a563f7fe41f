"""Which database a command is about."""

import argparse

import pytest

from tests.unit.config.documents import GOOD, write
from trafmon import show
from trafmon.database_argument import NoDatabaseError, add_database_arguments, database_of


def asked(*arguments):
    parser = argparse.ArgumentParser()
    add_database_arguments(parser)
    return database_of(parser.parse_args(list(map(str, arguments))))


def test_a_file_or_a_configuration(tmp_path):
    """Either one; the configuration's store as a whole."""
    path = write(tmp_path, GOOD)
    assert tmp_path / "x.duckdb" == asked(tmp_path / "x.duckdb")
    assert tmp_path / "trafmon.duckdb" == asked("-c", path).database


@pytest.mark.parametrize(("arguments", "message"), [
    ([], "which database"), (["x", "-c", "y"], "not both"), (["-c", "/nowhere.xml"], "/nowhere.xml: cannot be read")])
def test_what_is_wrong(arguments, message):
    with pytest.raises(NoDatabaseError, match=message):
        asked(*arguments)


def test_exit_statuses_of_show(tmp_path, capsys):
    """1: a database that is not there; 2: arguments."""
    parser = argparse.ArgumentParser()
    show.add_arguments(parser)
    assert [1, 2] == [show.run(parser.parse_args(a)) for a in ([str(tmp_path / "none.duckdb")], [])]
    assert "none.duckdb" in capsys.readouterr().err
