"""What scripts say about their arguments, before they do anything."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def run(script: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / "scripts" / script, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("script", ["install", "package", "setup"])
def test_help(script):
    """The head of the script, as it is written there."""
    shown = run(script, "--help")
    head = (ROOT / "scripts" / script).read_text(encoding="utf-8").split("\nset ")[0].splitlines()[1:]
    assert [line.removeprefix("#").removeprefix(" ") for line in head] == shown.stdout.splitlines()
    assert ("", 0) == (shown.stderr, shown.returncode)
    assert shown.stdout == run(script, "-h").stdout


@pytest.mark.parametrize(("script", "arguments", "told"), [
    ("install", ["--uninstal"], "unknown argument --uninstal; --help tells what there is"),
    ("install", ["--python"], "--python needs a value"),
    ("package", ["--out", "dist"], "unknown argument --out; --help tells what there is"),
    ("package", ["--output"], "--output needs a value"),
    ("setup", ["--devel"], "unknown argument --devel; --help tells what there is"),
    ("setup", ["--debian"], "--debian needs a value"),
])
def test_wrong_arguments(script, arguments, told):
    """A line and status 2."""
    result = run(script, *arguments)
    assert (2, "", f"scripts/{script}: {told}\n") == (result.returncode, result.stdout, result.stderr)
