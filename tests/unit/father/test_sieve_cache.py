"""Sieves kept on disk: made once, only used when nobody else can have touched them, never in the way."""

import os

import pytest

from tmon_probe.father.sieve.cache import KEPT, cached


class Maker:
    """Counts how often it is asked."""

    def __init__(self, code: bytes = b"code") -> None:
        self.code, self.asked = code, 0

    def __call__(self) -> bytes:
        self.asked += 1
        return self.code


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_made_once(home):
    first, second = Maker(), Maker(b"never asked for")
    assert b"code" == cached(("filters", 1), first) == cached(("filters", 1), second)
    assert (1, 0) == (first.asked, second.asked)


def test_other_filters_are_made_anew(home):
    cached(("filters", 1), Maker())
    assert b"other" == cached(("filters", 2), Maker(b"other"))


@pytest.mark.parametrize("spoil", [
    lambda path: path.write_bytes(path.read_bytes()[:-1]),
    lambda path: path.write_bytes(b"\0" * 100),
    lambda path: path.write_bytes(b""),
    lambda path: path.chmod(0o666),
    lambda path: path.chmod(0o620),
])  # fmt: skip
def test_a_file_that_others_may_have_written_or_that_is_broken_is_not_used(home, spoil):
    cached("filters", Maker())
    [path] = home.glob("sieve/*.o")
    spoil(path)
    again = Maker(b"again")
    assert b"again" == cached("filters", again)
    assert 1 == again.asked


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_used(home):
    cached("filters", Maker())
    [path] = home.glob("sieve/*.o")
    os.chown(path, 65534, 65534)
    assert b"again" == cached("filters", Maker(b"again"))


def test_without_a_place_it_is_made_each_time(home, monkeypatch):
    (home / "sieve").write_text("a file where a directory should be")
    maker = Maker()
    assert b"code" == cached("filters", maker) == cached("filters", maker)
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    cached("filters", maker)
    assert 3 == maker.asked


def test_the_oldest_go(home):
    for number in range(KEPT + 3):
        cached(number, Maker())
        os.utime(max(home.glob("sieve/*.o"), key=lambda p: p.stat().st_mtime_ns), (number, number))
    assert KEPT == len(list(home.glob("sieve/*")))
    newest = Maker()
    cached(KEPT + 2, newest)
    assert 0 == newest.asked
