"""Where compiled kernels are kept: another place for every state of the sources, those of plug-ins among them."""

import os
import sys
import types
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tmon_common.kernels import cache


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A package with an entry point, as pip leaves it."""
    package, info = tmp_path / "foreign_kernels", tmp_path / "foreign-1.dist-info"
    (package / "deep").mkdir(parents=True)
    info.mkdir()
    for name in ("__init__.py", "declaration.py", "deep/kernels.py"):
        (package / name).write_text("raise ImportError('nobody needs me')\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{cache.PLUGINS}]\nforeign = foreign_kernels.declaration:DECLARED\n")
    monkeypatch.syspath_prepend(tmp_path)
    return package


def test_constants_of_kernels_count():
    """Numba keeps the value that a constant had: files that kernels have constants from are looked at, through others too."""
    found = {str(p.relative_to(REPOSITORY)) for p in cache.kernel_sources()}
    assert {"tmon_probe/records.py", "tmon_probe/child/tcp/layout.py", "tmon_probe/child/tcp/track.py",
            "tmon_probe/child/reassembly/layout.py", "tmon_probe/child/round_trips/message.py",
            "tmon_common/analyses/built_in.py", "tmon_common/observations/sizes.py"} <= found
    assert not {"tmon_probe/lanes.py", "tmon_collector/process.py"} & found


def test_kernels_of_plugins_count(plugin):
    """The directory is another one after any change of any file of the package; nothing of it is imported to know that."""
    before = cache._digest()
    assert {plugin / "__init__.py", plugin / "declaration.py", plugin / "deep" / "kernels.py"} <= set(cache.plugin_sources())
    assert before == cache._digest()
    (plugin / "deep" / "kernels.py").write_text("# another kernel\n")
    assert before != cache._digest()


def test_without_plugins():
    """Ours are not read twice."""
    assert not any(p.is_relative_to(REPOSITORY / "tmon_common") for p in cache.plugin_sources())


@pytest.mark.parametrize("entry", ["foreign = no_such_package:X", "foreign = ???", "foreign = os:path"])
def test_whatever_is_declared(plugin, entry):
    """What cannot be found is somebody else's to tell."""
    (plugin.parent / "foreign-1.dist-info" / "entry_points.txt").write_text(f"[{cache.PLUGINS}]\n{entry}\n")
    assert 16 == len(cache._digest())


@pytest.mark.parametrize("useless", ["file", "file/below"])
def test_a_place_where_nothing_can_be_written(tmp_path, monkeypatch, useless):
    """Named by NUMBA_CACHE_DIR: another is found, where Numba would end with a traceback."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / useless))
    monkeypatch.setattr(cache, "_home", lambda: tmp_path / "home")
    monkeypatch.setitem(sys.modules, "numba", types.SimpleNamespace(config=types.SimpleNamespace(CACHE_DIR="")))
    cache.keep_kernels()
    assert Path(os.environ["NUMBA_CACHE_DIR"]).parent == tmp_path / "home"
    assert sys.modules["numba"].config.CACHE_DIR == os.environ["NUMBA_CACHE_DIR"]


def test_a_place_that_can_be_made(tmp_path, monkeypatch):
    """It stays as it was named."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new" / "below"))
    cache.keep_kernels()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "new" / "below")
