"""Lines of a `.diag` file and steps: what they make of the configured diagnostics."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_common.config.model import Diagnostics
from tmon_common.diagnostics.rules import LEVELS, MAX_LINES, Rule, lower, parse, steps_to_debug, tuned

HERE = Path("/var/diag")
MODULES = ("tmon_probe", "tmon_probe.father", "tmon_collector.spool", "plugin")


def parsed(text: str, unusable: str = ""):
    return parse(text, HERE, known=MODULES.__contains__, try_out=lambda d: "cannot be written" if d == unusable else "")


def test_lines_comments_and_destinations():
    rules, problems = parsed("# everything\n\n* info\n  tmon_probe.father  DEBUG   file:logs/my father.log # here\n"
                             "tmon_collector.spool error journal\nplugin debug stderr")
    assert () == problems
    assert (Rule("*", "info"), Rule("tmon_probe.father", "debug", "file:/var/diag/logs/my father.log"),
            Rule("tmon_collector.spool", "error", "journal"), Rule("plugin", "debug", "stderr")) == rules


@pytest.mark.parametrize(("line", "told"), [
    ("tmon_prob debug", "tmon_prob: there is no such module"),
    ("../etc debug", "../etc: there is no such module"),
    ("tmon_probe", "no level: expected module, level (debug, info, warning, error, critical)"),
    ("tmon_probe loud", "loud: expected module, level"),
    ("tmon_probe debug syslog", "syslog: expected stderr, journal or file:PATH"),
    ("tmon_probe debug file:", "file:: expected stderr, journal or file:PATH"),
    ("tmon_probe debug file:/nowhere/log", "cannot be written"),
])
def test_a_wrong_line_is_told_with_its_number_and_left_out(line, told):
    """The others count."""
    rules, problems = parsed(f"plugin info\n{line}\ntmon_probe.father debug", "file:/nowhere/log")
    assert ("plugin", "tmon_probe.father") == tuple(r.module for r in rules)
    (number, problem), = problems
    assert 2 == number
    assert told in problem


def test_the_last_line_about_a_module_counts():
    assert (Rule("plugin", "error"),) == parsed("plugin debug\nplugin error")[0]


def test_a_flood_of_lines_ends():
    rules, problems = parsed("plugin debug\n" * (MAX_LINES + 5))
    assert (1, [MAX_LINES + 1]) == (len(rules), [n for n, _ in problems])


@given(st.text())
def test_no_text_makes_it_fail(text):
    rules, problems = parsed(text)
    assert len(rules) + len(problems) <= max(len(text.splitlines()), 1)


CONFIGURED = Diagnostics("warning", "stderr", (("tmon_probe.father", "error", "journal"), ("plugin", "info", "")))


def test_rules_count_before_the_configuration():
    """Level and destination each by itself."""
    rules = [Rule("*", "info", "journal"), Rule("tmon_probe.father", "debug"), Rule("tmon_collector", "critical")]
    assert Diagnostics("info", "journal", (("tmon_probe.father", "debug", "journal"), ("plugin", "info", ""),
                                           ("tmon_collector", "critical", ""))) == tuned(CONFIGURED, rules, 0)


def test_without_rules_and_steps_nothing_changes():
    assert CONFIGURED == tuned(CONFIGURED, [], 0)


def test_steps_go_through_all_levels_to_debug():
    """Each module by itself; the last step is the first after which all are at debug."""
    seen = [(m.level, *(level for _, level, _ in m.modules)) for m in (tuned(CONFIGURED, [], n) for n in range(5))]
    assert [("warning", "error", "info"), ("info", "warning", "debug"), ("debug", "info", "debug"), ("debug",) * 3,
            ("debug",) * 3] == seen
    assert 3 == steps_to_debug(CONFIGURED)


def test_every_level_is_lowered_by_one():
    assert all(lower(a, 1) == b for a, b in itertools.pairwise(LEVELS))
    assert "debug" == lower("debug", 1)
