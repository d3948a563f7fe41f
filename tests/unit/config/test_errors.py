"""Each thing that may be wrong in a configuration gives one line that names place and cure."""

import re

import pytest

from tests.unit.config.documents import GOOD, problems_of, spoiled, write
from tests.unit.config.error_cases import ANALYSIS, CASES, FLOW, PROBE, PUBLISH
from tmon_common.config.problems import MAX_PROBLEMS, ConfigurationError
from tmon_common.config.read import read


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_one_problem_one_line(tmp_path, case):
    """A document with one fault gives one problem, at the line of the fault, and says what was expected."""
    old, new, message, *offset = case
    text, line = spoiled(old, new)
    path = write(tmp_path, text)
    problems = problems_of(path)
    assert len(problems) == 1, "\n".join(map(str, problems))
    assert re.search(message, problems[0].message), problems[0].message
    assert line + sum(offset) == problems[0].line
    assert str(problems[0]).startswith(f"{path}:{problems[0].line}: ")


def test_line_of_the_attribute(tmp_path):
    """In a tag of several lines, the line is that of the attribute at fault."""
    text, line = spoiled(PUBLISH, '<publish\n  collector="central"\n\n  window="0"\n  queue="1"/>')
    assert [line + 3, line + 4] == [p.line for p in problems_of(write(tmp_path, text))]


def test_line_of_a_tag_that_spans_lines(tmp_path):
    """What concerns the whole tag is told at its first line."""
    text, line = spoiled(FLOW, '<flow\n  fields="src_addr dst_addr"\n/>')
    assert [line] == [p.line for p in problems_of(write(tmp_path, text))]


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_lines_of_other_systems(tmp_path, ending):
    """Line numbers hold for files with other line ends."""
    text, line = spoiled(FLOW, '<flow fields="src_addr dst_addr"/>')
    assert [line] == [p.line for p in problems_of(write(tmp_path, text.replace("\n", ending)))]


def test_all_together(tmp_path):
    """Faults of shape and of meaning come in one list, in the order of the lines, each printed on a line of its own."""
    text = GOOD
    names = (
        "two classes",
        "unknown element",
        "unknown attribute",
        "histogram missing",
        "octet 300",
        "collector unknown",
        "enumeration",
    )
    for name in names:
        text, _ = spoiled(*CASES[name][:2], text)
    path = write(tmp_path, text)
    problems = problems_of(path)
    assert len(names) == len(problems)
    assert sorted(p.line for p in problems) == [p.line for p in problems]
    with pytest.raises(ConfigurationError, match="unknown element") as caught:
        read(path)
    assert len(names) == len(str(caught.value).splitlines())


def test_too_many_classes(tmp_path):
    """A probe observes 64 classes; with 65 it has to choose."""
    classes = "".join(f'<flow_class name="c{i}">{FLOW}</flow_class>' for i in range(63))
    text, _ = spoiled("  </flow_classes>", f"{classes}</flow_classes>")
    (problem,) = problems_of(write(tmp_path, text))
    assert "65 flow classes on one probe; expected at most 64" in problem.message


def test_other_root(tmp_path):
    """A file for another program is told so, once."""
    (problem,) = problems_of(write(tmp_path, "<html><body/></html>"))
    assert (problem.line, problem.message) == (1, "<html> found; expected <trafmon>")


def test_bounded_list(tmp_path):
    """Nobody reads a thousand lines, and no file makes us look for ever."""
    text, _ = spoiled(ANALYSIS, "<nonsense/>" * (2 * MAX_PROBLEMS))
    problems = problems_of(write(tmp_path, text.replace("<nonsense/>", "<nonsense/>\n")))
    assert len(problems) == MAX_PROBLEMS + 1


def test_long_values_are_cut(tmp_path):
    """A message stays readable whatever the value."""
    text, _ = spoiled(PROBE, f'<probe name="{"x" * 100_000}">')
    (problem,) = problems_of(write(tmp_path, text))
    assert len(problem.message) < 2000
