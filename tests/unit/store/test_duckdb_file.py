"""DuckDB's file: how it is made when several come at once."""

import os
import threading
import time
from pathlib import Path

import duckdb
import pytest

from tests.unit.store.spool_files import ask
from tmon_store.open import open_store
from tmon_store.schema import manifest_table


def test_a_database_that_is_being_made_is_not_taken_for_a_torn_one(tmp_path, monkeypatch):
    """Every file is empty for a moment; a second loader (of another spool) that comes then waits until it is one."""
    path, connect, others = tmp_path / "t.duckdb", duckdb.connect, []
    links: list[int] = []

    def makes_slowly(*arguments, **options):
        monkeypatch.setattr(duckdb, "connect", connect)
        file = path.open("wb")  # held, or the number of its inode would be given again
        others.append(threading.Thread(target=lambda: open_store(path).close()))
        others[0].start()
        limit = time.monotonic() + 10
        while others[0].is_alive() and not is_awaited(tmp_path) and time.monotonic() < limit:
            others[0].join(0.01)
        links.append(os.fstat(file.fileno()).st_nlink)
        file.close()
        path.unlink(missing_ok=True)
        return connect(*arguments, **options)

    monkeypatch.setattr(duckdb, "connect", makes_slowly)
    store = open_store(path)
    others[0].join()
    assert links == [1]
    store.ensure([manifest_table()])
    store.close()
    assert [(0,)] == ask(path, "SELECT count(*) FROM loaded_file")


def is_awaited(folder):
    """Whether a thread waits for a lock of it [proc(5), /proc/locks: -> marks who waits]."""
    return any("->" in line and f":{folder.stat().st_ino} " in line for line in Path("/proc/locks").read_text().splitlines())


class Interrupted:
    """A connection whose statement ends by Ctrl-C. When DuckDB notices a real one, in a millisecond or a minute, is up to it."""

    def __init__(self, error):
        self._error = error

    def execute(self, *_):
        raise self._error


@pytest.mark.parametrize("error", [RuntimeError("Query interrupted"),
                                   duckdb.InterruptException("INTERRUPT Error: Interrupted!")], ids=str)
def test_ctrl_c_within_a_statement(tmp_path, monkeypatch, error):
    """Is Ctrl-C, whatever DuckDB makes of it: what a program tells then is its own line."""
    store = open_store(tmp_path / "t.duckdb")
    with monkeypatch.context() as patch:
        patch.setattr(store, "_connection", Interrupted(error))
        with pytest.raises(KeyboardInterrupt):
            store.query("SELECT 1")
        patch.setattr(store, "_connection", Interrupted(RuntimeError("another")))
        with pytest.raises(RuntimeError, match="another"):
            store.query("SELECT 1")
    assert [(1,)] == store.query("SELECT 1")
    store.close()
