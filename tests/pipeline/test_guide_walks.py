"""The pages of the guide that go step by step: every command prints what the page shows."""

from pathlib import Path

import pytest

from tests.pipeline.walk import ROOT, Command, File, agrees, steps, walk


@pytest.mark.parametrize("name", ["first-hour", "one-way-setup"])
def test_page(tmp_path: Path, name: str):
    """As somebody who follows it, in a directory beside tests/."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / "here").mkdir()
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert sum(isinstance(step, Command) for step in steps(page)) >= 5
    walk(page, tmp_path / "here")


@pytest.mark.parametrize(("shown", "right"), [
    ("one two", True), ("one", False), ("one...", True), ("...two", True), ("o...e t...o", True), ("one ... two ...", True),
    ("one...\n...two", True), ("two...", False), ("...one", False), ("one t...two", False)])
def test_dots(shown: str, right: bool):
    """What stands for anything, and nothing."""
    assert right == agrees(shown, " one\n two\n")


def test_numbers_that_differ():
    """All but those that are named."""
    [command] = steps("<!-- numbers differ, but not: waiting 0; alive -->\n```console\n$ top\nsent 3 waiting 0 <1 % alive\n```\n")
    assert command.agrees("sent 1,234  waiting 0  7.5 %\nalive")
    assert not command.agrees("sent 3 waiting 1 <1 % alive")
    assert not command.agrees("sent 3 waiting 0 <1 %")


def test_wrong_page(tmp_path: Path):
    """A page that tells other than what happens is found, file and command alike."""
    page = '```xml title="a.txt"\nhello\n```\n\n```console\n$ cat a.txt\nhello\n```\n'
    assert steps(page) == [File("a.txt", "hello\n"), Command("cat a.txt", "hello\n")]
    walk(page, tmp_path)
    with pytest.raises(AssertionError, match="the page has\nhallo"):
        walk(page.replace("$ cat a.txt\nhello", "$ cat a.txt\nhallo"), tmp_path)
