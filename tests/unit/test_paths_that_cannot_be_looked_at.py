"""Files that cannot even be looked at (a directory that is another user's, a name that is too long) are told, with the reason."""

import errno
import os
from pathlib import Path

import pytest

from trafmon.__main__ import main

LONG = "x" * 300
"""No file system has such names: what a test that runs as root can ask for, and not get."""
WHY = "File name too long"
ROOT = Path(__file__).resolve().parents[2]
REPLAY = (ROOT / "etc/xml/replay.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [
    ("analyse", LONG), ("one-way", LONG, f"{LONG}y"), ("top", "-c", LONG), ("check-config", LONG), ("keygen", "-c", LONG),
    ("query", LONG, "talkers"), ("show", LONG), ("snmp-secrets", "-c", LONG)], ids=lambda a: a[0])
def test_told(arguments, capsys, tmp_path, monkeypatch):
    """A line, status 1 or 2, nothing made."""
    monkeypatch.chdir(tmp_path)
    assert main(list(arguments)) in (1, 2)
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert WHY in told.err
    assert list(tmp_path.iterdir()) == []


def test_a_recording(capsys, tmp_path):
    """In a configuration: with its line."""
    file = tmp_path / "tmon.xml"
    file.write_text(REPLAY.replace("../../tests/captures/demo/west.pcap", f"/{LONG}"), encoding="utf-8")
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if LONG in text)
    assert main(["check-config", str(file)]) == 2
    assert f'{file}:{line}: path="/{LONG}": /{LONG} cannot be read: {WHY}\n' == capsys.readouterr().err


def test_a_key(capsys, tmp_path):
    """Of a probe, whose name is good and whose place is not."""
    file = tmp_path / "tmon.xml"
    file.write_text((ROOT / "etc/xml/minimal.xml").read_text(encoding="utf-8").replace(
        '<probe name="probe"', f'<probe name="probe" key="{LONG}"'), encoding="utf-8")
    assert main(["keygen", "-c", str(file)]) == 2
    assert f"trafmon keygen: key file {tmp_path / LONG}: cannot be read ({WHY})" in capsys.readouterr().err


def test_results_on_a_full_disk(capsys, tmp_path, monkeypatch):
    """A write that fails knows no file: the directory of the results is named."""
    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["analyse", str(ROOT / "tests/captures/demo/west.pcap"), "--out", str(tmp_path / "out")]) == 2
    told = f"trafmon analyse: {tmp_path / 'out'}: cannot be written: No space left on device; choose another place with --out\n"
    assert told == capsys.readouterr().err
