"""tmon_probe as a command: what it says when it cannot start."""

import pytest

from tmon_probe import __main__ as command


@pytest.mark.parametrize("moment", ["locate", "read", "select_probe"])
def test_ctrl_c_while_starting(moment, monkeypatch, tmp_path):
    """Exit status 130 without a traceback, whenever it comes."""
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    (tmp_path / "tmon.xml").write_text("<trafmon/>")
    if moment == "select_probe":
        monkeypatch.setattr(command, "read", lambda _path: None)
    monkeypatch.setattr(command, moment, interrupted)
    assert 130 == command.main(["-c", str(tmp_path / "tmon.xml")])
