"""Where compiled kernels are kept: one directory per state of the kernels' sources.

Numba compiles a kernel again when its own file changes, but not when a kernel that it calls, or a constant that it has, in another
file does: an update of trafMon could then run old code inside new. So the directory's name is a digest of every file that holds
kernels, of all that these import, and of every file of the packages that bring analyses of others (entry points of the group
below).
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("tmon_common", "tmon_probe", "tmon_collector")
PLUGINS = "trafmon.analysers"
KEPT = 3
"""Directories of earlier states that stay; older ones are removed when a new one is made."""
_MARK = b"@njit"
_IMPORT = re.compile(rb"^from (tmon_[\w.]+) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
_ROOT = Path(__file__).resolve().parent.parent.parent


def keep_kernels() -> None:
    """Tell Numba where to keep what it compiles, unless NUMBA_CACHE_DIR names a place of use already. Cheap; needs no Numba."""
    if (named := os.environ.get("NUMBA_CACHE_DIR")) and _usable(Path(named)):
        return
    try:
        directory = _home() / _digest()
        if not directory.exists():
            _prune(directory.parent)
            directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        usable = os.access(directory, os.W_OK)
    except (OSError, RuntimeError):
        usable = False
    if not usable:  # a user without a home: compiled anew at every start
        directory = Path(tempfile.mkdtemp(prefix="trafmon-kernels-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = str(directory)
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(directory)


def _usable(directory: Path) -> bool:
    """Whether Numba could write there, or make it."""
    while not os.path.lexists(directory) and directory != directory.parent:
        directory = directory.parent
    return directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)


def _digest() -> str:
    """Of the contents of every file that decides what is compiled, and of the versions that do."""
    digest = hashlib.sha256(sys.version.encode())
    for path, text in kernel_sources().items():
        digest.update(str(path).encode() + b"\0" + text)
    for path in plugin_sources():
        with suppress(OSError):
            digest.update(str(path).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def kernel_sources() -> dict[Path, bytes]:
    """Files of ours with a kernel in them, and those that they have names from, which may be constants; in order, with contents."""
    texts = {path: path.read_bytes() for package in PACKAGES for path in (_ROOT / package).rglob("*.py")}
    found = {path for path, text in texts.items() if _MARK in text}
    waiting = list(found)
    while waiting:
        for module, names in _IMPORT.findall(texts[waiting.pop()]):
            base = _ROOT.joinpath(*module.decode().split("."))
            within = [base / f"{name.decode()}.py" for name in re.findall(rb"\w+", names)]
            new = {p for p in (base.with_suffix(".py"), base / "__init__.py", *within) if p in texts} - found
            found |= new
            waiting += new
    return {path: texts[path] for path in sorted(found)}


def plugin_sources() -> list[Path]:
    """Every Python file of the packages of plug-ins; none of them is imported."""
    found: set[Path] = set()
    for point in entry_points(group=PLUGINS):
        try:
            package = point.module.partition(".")[0]
            spec = None if package in PACKAGES else find_spec(package)
        except (AttributeError, ImportError, ValueError):  # whoever uses the plug-in is told what is wrong with it
            continue
        if spec and spec.submodule_search_locations:
            found.update(path for place in spec.submodule_search_locations for path in Path(place).rglob("*.py"))
        elif spec and spec.origin:
            found.add(Path(spec.origin))
    return sorted(found)


def _home() -> Path:
    """Beside the sources where that can be written, else the user's cache directory."""
    beside = Path(__file__).resolve().parent / "__pycache__"
    if os.access(beside if beside.exists() else beside.parent, os.W_OK):
        return beside / "kernels"
    cache = os.environ.get("CACHE_DIRECTORY") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "trafmon" / "kernels"


def _prune(home: Path) -> None:
    with suppress(OSError):
        old = sorted((d for d in home.iterdir() if d.is_dir()), key=lambda d: d.stat().st_mtime, reverse=True)
        for directory in old[KEPT - 1 :]:
            shutil.rmtree(directory, ignore_errors=True)
