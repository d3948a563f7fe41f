"""Key files: who may read them, what stands in them, how they are exchanged."""

import os

import pytest

from tests.keys import KEY, key_file
from tmon_common.pdu.key_file import KeyFileError, read_keys, write_keys
from tmon_common.pdu.key_watch import LOOK_EVERY_NS, KeyWatch
from tmon_common.pdu.keys import KEY_OCTETS, Key, new_key


def test_a_file_goes_round(tmp_path):
    keys = (new_key("2026-01-01T00:00:00Z"), new_key("2026-02-01T00:00:00Z"))
    path = tmp_path / "keys" / "west.key"
    write_keys(path, keys)
    assert read_keys(path) == keys
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["west.key"]


def test_keys_do_not_show():
    """Neither in logs of objects nor in errors."""
    assert KEY.secret.hex() not in repr(KEY)
    assert "secret" not in repr(KEY)
    assert 1 <= KEY.id <= 255


@pytest.mark.parametrize(("text", "told"), [
    (b"", "no keys"),
    (b"# nothing\n", "no keys"),
    (b"AAAA\n", ":1: no key"),
    (b"# first\n2026 not-base64!\n", ":2: no key"),
    (b"a b c\n", ":1: no key"),
    (b"x" * 5000, "longer than"),
    (b"\xff\xfe\n", ":1: no key"),
])
def test_files_that_hold_anything_else(tmp_path, text, told):
    path = tmp_path / "x.key"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=told) as caught:
        read_keys(path)
    assert str(path) in str(caught.value)


def test_three_keys_are_too_many(tmp_path):
    write_keys(tmp_path / "x.key", tuple(Key(bytes([n]) * KEY_OCTETS) for n in range(3)))
    with pytest.raises(KeyFileError, match="3 keys"):
        read_keys(tmp_path / "x.key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_files_open_to_others_are_not_used(tmp_path, mode):
    path = key_file(tmp_path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_keys(path)


def test_no_file_at_all(tmp_path):
    with pytest.raises(KeyFileError, match="trafmon keygen"):
        read_keys(tmp_path / "none.key")
    with pytest.raises(KeyFileError, match="regular file"):
        read_keys(tmp_path)
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(KeyFileError, match="regular file"):
        read_keys(tmp_path / "fifo")
    with pytest.raises(KeyFileError, match="cannot be written"):
        write_keys(tmp_path / "missing" / "deeper" / "x.key", (KEY,))


def test_a_changed_file_is_read_anew(tmp_path):
    """Seldom looked at; what cannot be used changes nothing, once."""
    path = key_file(tmp_path)
    watch = KeyWatch(path, 0)
    other = new_key("later")
    write_keys(path, (KEY, other))
    assert watch.changed(LOOK_EVERY_NS - 1) is None
    assert watch.changed(LOOK_EVERY_NS) == (KEY, other)
    assert watch.changed(2 * LOOK_EVERY_NS) is None
    path.write_text("nonsense")
    assert watch.changed(3 * LOOK_EVERY_NS) is None
    path.unlink()
    assert watch.changed(4 * LOOK_EVERY_NS) is None
    write_keys(path, (other,))
    assert watch.changed(5 * LOOK_EVERY_NS) == (other,)


def test_a_file_that_changed_before_it_was_watched(tmp_path, caplog):
    """A probe reads its keys, compiles for half a minute, and only then begins to look: what came meanwhile is not missed."""
    path = key_file(tmp_path)
    before = read_keys(path)
    write_keys(path, (new_key("later"),))
    watch = KeyWatch(path, 0, before)
    assert watch.changed(LOOK_EVERY_NS) == read_keys(path)
    caplog.clear()
    unchanged = KeyWatch(path, 0, read_keys(path))
    assert unchanged.changed(LOOK_EVERY_NS) is None
    assert not caplog.records


def test_a_file_that_comes_later(tmp_path):
    watch = KeyWatch(tmp_path / "keys" / "probe.key", 0)
    assert watch.changed(LOOK_EVERY_NS) is None
    key_file(tmp_path)
    assert watch.changed(2 * LOOK_EVERY_NS) == (KEY,)
