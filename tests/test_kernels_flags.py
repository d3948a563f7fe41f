"""Every kernel carries the same flags, and packages of kernels import nothing but numpy, numba and themselves."""

import ast
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = sorted(p for package in REPOSITORY.glob("tmon_*") for p in package.rglob("*.py"))
FLAGS = {"cache", "nogil"}
ALLOWED = {"numpy", "numba", "llvmlite"} | set(sys.stdlib_module_names)


def decorators(tree: ast.AST) -> list[tuple[int, ast.expr]]:
    """(line, decorator) of every function compiled by njit or jit."""
    found = []
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in ("njit", "jit", "vectorize", "guvectorize", "cfunc"):
                found.append((node.lineno, decorator))
    return found


def lacking(decorator: ast.expr) -> set[str]:
    given = {k.arg for k in getattr(decorator, "keywords", ()) if isinstance(k.value, ast.Constant) and k.value.value is True}
    return FLAGS - given


def test_kernels_are_found():
    assert sum(len(decorators(ast.parse(p.read_text()))) for p in SOURCES) > 20


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_kernels_are_cached_and_leave_the_gil(path):
    """cache=True: compiled once per machine; nogil=True: whoever else runs in the process goes on."""
    wrong = [f"line {line} lacks {sorted(lacking(d))}" for line, d in decorators(ast.parse(path.read_text())) if lacking(d)]
    assert wrong == []


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent.name == "kernels"], ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_packages_of_kernels_stand_alone(path):
    """The standard library, numpy, numba, llvmlite, and modules of the same package: nothing else."""
    package = ".".join(path.parent.relative_to(REPOSITORY).parts)
    wrong = []
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if not node.level else []
        wrong += [n for n in names if n.split(".")[0] not in ALLOWED and n != package and not n.startswith(package + ".")]
    assert wrong == []
