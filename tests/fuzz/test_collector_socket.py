"""The collector's socket under hostile datagrams. `python -m tests.fuzz.collector_socket` does the same a million times."""

from collections import Counter

from tests.fuzz.collector_socket import Attack, told_by

DATAGRAMS = 60_000


def test_hostile_datagrams_change_nothing_but_counters(tmp_path):
    """No crash, each counted by its reason, only the sound rows and each once, flat memory, never more octets out than in."""
    outcome = Attack(tmp_path, DATAGRAMS, seed=5).run()
    assert outcome.faults == []
    assert outcome.rows > DATAGRAMS / 100
    assert outcome.octets_out < outcome.octets_in / 20
    assert set(outcome.counted) > {"corrupt", "replayed", "foreign", "version", "type", "unknown_probe", "unsealed", "no_key",
                                   "oversized", "short", "implausible", "not understood"}


def test_what_a_collector_told_is_added_up():
    """Several lines, kinds with spaces in their name for people, and the last words; a line that has it all counts alone."""
    told = told_by("x WARNING datagrams that changed nothing: 3 corrupt, 2 kind 999 of mad: not understood\n"
                   "x WARNING datagrams that changed nothing: 4 corrupt, 1 kind 7 of mad: not understood\n"
                   "x INFO stopped; 12 rows of 5 PDUs written, 6 duplicates, 1 files completed\n")
    last = told_by("x WARNING collector c: datagrams that changed nothing: 82 within 0 s, the last from y: 29 corrupt, 1 kin…\n"
                   "x WARNING datagrams that changed nothing, in all: 31 corrupt, 2 kind 16 of mad: not understood\n")
    assert Counter({"corrupt": 31, "not understood": 2}) == last
    assert Counter({"corrupt": 7, "not understood": 3, "rows": 12, "pdus": 5, "duplicates": 6}) == told
