"""trafmon keygen: makes what is missing, never replaces what is there, exchanges keys."""

import pytest

from tests.keys import key_file
from tests.unit.config.documents import GOOD, write
from tmon_common.config.read import read
from tmon_common.pdu.key_file import read_keys
from trafmon.__main__ import main


@pytest.fixture
def configuration(tmp_path):
    second = '<probe name="p2" seal="crc"><interface name="lan" device="eth0"/><publish collector="central"/></probe></probes>'
    return write(tmp_path, GOOD.replace("</probes>", second))


def keygen(configuration, *arguments):
    return main(["keygen", "-c", str(configuration), *arguments])


def test_missing_keys_are_made_once(configuration, capsys):
    """A probe that goes by CRC needs none; a second call changes nothing; no key is printed."""
    assert keygen(configuration) == 0
    path = read(configuration).probes[0].key
    keys = read_keys(path)
    assert len(keys) == 1
    assert keygen(configuration) == 0
    assert read_keys(path) == keys
    assert [p.name for p in path.parent.iterdir()] == ["p1.key"]
    told = capsys.readouterr().out
    assert "made" in told
    assert "there already" in told
    assert path.read_text().split()[-1] not in told


def test_a_key_is_exchanged(configuration, tmp_path):
    old = read_keys(key_file(tmp_path, "p1"))
    path = tmp_path / "keys" / "p1.key"
    assert keygen(configuration, "--rotate", "p1") == 0
    both = read_keys(path)
    assert both[0] == old[0]
    assert len(both) == 2
    assert keygen(configuration, "--rotate", "p1") == 2
    assert read_keys(path) == both
    assert keygen(configuration, "--retire", "p1") == 0
    assert read_keys(path) == both[1:]


@pytest.mark.parametrize("arguments", [["nobody"], ["--rotate"], ["--retire"], ["--rotate", "p1"]])
def test_what_cannot_be_done(configuration, arguments, capsys):
    """An unknown probe, no probe named, no key to exchange: told in one line; status 2."""
    assert keygen(configuration, *arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_key_file_open_to_others_is_told(configuration, tmp_path, capsys):
    key_file(tmp_path, "p1").chmod(0o644)
    assert keygen(configuration) == 2
    assert "chmod 600" in capsys.readouterr().err
