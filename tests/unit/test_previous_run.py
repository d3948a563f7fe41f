"""What a program tells of the run before it."""

import json
from types import SimpleNamespace

import pytest

from tmon_common.previous_run import previous_run_died


def told(replaced):
    return [e.text for e in previous_run_died("tmon_probe", "edge", SimpleNamespace(replaced=replaced), 7)]


def test_one_that_ended_in_order_is_not_told():
    assert told(None) == []


def test_when_it_began():
    """By the run number in the text of its block: ms since 1970 UTC."""
    assert told(json.dumps({"run": 1_780_000_000_123})) == [
        "tmon_probe edge: the run before, begun 2026-05-28T20:26:40Z, did not end in order"]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"run": "x"}', '{"run": null}', '{"run": 1e400}', "[" * 100_000,
                                  json.dumps({"run": 10**30}), json.dumps({"run": -(10**17)})])
def test_a_block_that_does_not_tell(text):
    """It may have been anybody's."""
    assert told(text) == ["tmon_probe edge: the run before, begun at a time not known, did not end in order"]
