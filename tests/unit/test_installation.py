"""How scripts begin and end."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BEGIN = "import signal, sys; from tmon_common.installation import end_with, go_on_with_the_installed_python as go_on; go_on(); "
READY = "print('ready', flush=True), signal.pause()"


@pytest.mark.parametrize("script", [
    BEGIN + READY,
    BEGIN + f"end_with(lambda: ({READY}, 0)[1])",
])
def test_ctrl_c_at_any_moment(tmp_path, script):
    """While modules are read, and in a program that has nothing to say to it: a line and status 1, no traceback."""
    path = tmp_path / "some_script.py"
    path.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}\n")
    with subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert "ready\n" == program.stdout.readline()
        program.send_signal(signal.SIGINT)
        assert ("", "some_script: interrupted\n") == program.communicate(timeout=60)
    assert 1 == program.returncode


def test_the_status_is_that_of_the_program(tmp_path):
    """As ever."""
    path = tmp_path / "some_script.py"
    path.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r}); {BEGIN}end_with(lambda: 3)\n")
    assert 3 == subprocess.run([sys.executable, path], timeout=60, check=False).returncode
