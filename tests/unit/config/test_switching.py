"""The two files of a switch on a real disk."""

import hashlib
import os

import pytest

from tests.unit.config.documents import GOOD
from tmon_common.config.locate import Locations
from tmon_common.config.problems import ConfigurationError, Problem
from tmon_common.config.switch import Examined
from tmon_common.config.switching import ConfigurationFiles


@pytest.fixture
def locations(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "tmon.xml").write_text(GOOD)
    return Locations(tmp_path / "conf" / "tmon.xml", tmp_path / "conf" / "tmon-new.xml")


@pytest.fixture
def files(locations):
    return ConfigurationFiles(locations, lambda configuration: None)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_sound_file(locations, files):
    text = GOOD.replace("<trafmon>", '<trafmon startAt="2026-11-22T10:00:00Z">')
    locations.next.write_text(text)
    assert Examined(digest(text), start_at_ns=1_795_341_600 * 10**9) == files.examine_next()
    assert digest(GOOD) == files.current_digest()
    assert "" == files.put_in_force()
    assert digest(text) == files.current_digest()
    assert None is files.next_stamp() is files.examine_next()


def test_the_first_problem_and_how_many_there_are(locations, files):
    locations.next.write_text(GOOD.replace("ip_counters", "nonsense").replace("<interface", "<interfaces"))
    problem = files.examine_next().problem
    assert problem.startswith("line ")
    assert problem.endswith(" more)")


def test_what_the_program_finds_wrong(locations):
    def check(configuration):
        assert configuration.path == locations.current
        raise ConfigurationError([Problem(configuration.path, 0, "probe", 'there is no probe "here"')])

    locations.next.write_text(GOOD)
    assert Examined(digest(GOOD), 'there is no probe "here"') == ConfigurationFiles(locations, check).examine_next()


def test_relative_paths_count_from_where_it_will_be(tmp_path, locations):
    """A version that is put elsewhere is checked as it will be read."""
    seen = []
    elsewhere = Locations(locations.current, tmp_path / "next.xml")
    elsewhere.next.write_text(GOOD)
    assert "" == ConfigurationFiles(elsewhere, seen.append).examine_next().problem
    assert locations.current.parent / "spool" == seen[0].collectors[0].spool


def test_every_change_is_noticed(locations, files):
    """Content, replacement by a file of the same content and times, rights."""
    locations.next.write_text(GOOD)
    stamps = {files.next_stamp()}
    assert files.next_stamp() in stamps
    locations.next.write_text(GOOD + "\n")
    stamps.add(files.next_stamp())
    status = locations.next.stat()
    copy = locations.next.with_name("copy")
    copy.write_bytes(locations.next.read_bytes())
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    copy.rename(locations.next)
    stamps.add(files.next_stamp())
    assert 3 == len(stamps)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_waited_for(locations, files, make):
    make(locations.next)
    assert None is files.next_stamp()
    assert None is files.examine_next()


def test_a_directory_that_cannot_be_renamed_in(locations, files):
    """The system's words, and the old one is in force."""
    locations.next.write_text(GOOD + "\n")
    locations.current.unlink()
    locations.current.mkdir()
    (locations.current / "full").touch()
    assert files.put_in_force().startswith(f"it cannot take the place of {locations.current}: Is a directory")
    assert locations.next.exists()


def test_another_file_system(tmp_path, locations):
    elsewhere = Locations(locations.current, tmp_path.__class__("/dev/shm") / f"{tmp_path.name}-{os.getpid()}.xml")
    elsewhere.next.write_text(GOOD)
    try:
        if elsewhere.next.stat().st_dev == locations.current.stat().st_dev:
            pytest.skip("/dev/shm is no file system of its own")
        assert "put it into the directory of the configuration" in ConfigurationFiles(elsewhere, len).put_in_force()
    finally:
        elsewhere.next.unlink()


def test_a_long_name_keeps_its_end(tmp_path):
    name = ConfigurationFiles(Locations(tmp_path, tmp_path / ("d" * 80) / "tmon-new.xml"), len).next_name
    assert 64 == len(name)
    assert name.endswith("/tmon-new.xml")
