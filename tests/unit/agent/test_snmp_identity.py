"""Who the engine is, at every start the same; the number of starts grows, whatever happens to its file or the clock."""

from pathlib import Path

import pytest

from tmon_agent.snmp.identity import MAX_BOOTS, SINCE_S, engine_id_of, next_boots

NOW_S = SINCE_S + 1_000_000


def test_engine_ids():
    """5 to 32 octets (RFC 3411 SnmpEngineID), the first bit set; another one for another program, file, kind, machine."""
    one = engine_id_of("probe", "edge", Path("/a/tmon.xml"), "m")
    others = {engine_id_of("collector", "edge", Path("/a/tmon.xml"), "m"), engine_id_of("probe", "edge1", Path("/a/tmon.xml"), "m"),
              engine_id_of("probe", "edge", Path("/b/tmon.xml"), "m"), engine_id_of("probe", "edge", Path("/a/tmon.xml"), "n")}
    assert one == engine_id_of("probe", "edge", Path("/a/tmon.xml"), "m")
    assert len(others - {one}) == 4
    assert 5 <= len(one) <= 32
    assert one[0] & 0x80


def test_starts_are_counted(tmp_path):
    """Also when the clock was set back; and when the file was lost."""
    file = tmp_path / "boots"
    first = next_boots(file, NOW_S)
    second = next_boots(file, NOW_S)
    assert second == first + 1
    assert next_boots(file, NOW_S - 500_000) == second + 1
    file.unlink()
    assert next_boots(file, NOW_S + 10) > second + 1
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "many", "-5", "9" * 5000, "\xff"])
def test_a_damaged_file(tmp_path, content):
    file = tmp_path / "boots"
    file.write_text(content, encoding="latin-1")
    assert 1_000_000 <= next_boots(file, NOW_S) <= MAX_BOOTS


def test_without_a_file(tmp_path, caplog):
    """The clock has to do; that nothing can be kept is told."""
    assert next_boots(None, NOW_S) == 1_000_000
    assert not caplog.messages
    assert next_boots(tmp_path / "nothing" / "boots", NOW_S) == 1_000_000
    assert "cannot be written" in caplog.text
    assert next_boots(None, 0) == 1


def test_a_clock_that_is_wrong_for_once(tmp_path):
    """A century ahead: the engine can still be believed."""
    file = tmp_path / "boots"
    first = next_boots(file, NOW_S)
    assert next_boots(file, NOW_S + 3_000_000_000) == first + 1


def test_the_last_start(tmp_path):
    file = tmp_path / "boots"
    file.write_text(str(MAX_BOOTS))
    assert next_boots(file, NOW_S) == MAX_BOOTS
