"""Every analysis and every kind of observation that is installed here, those of plug-ins among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from tmon_common.analyses.checks import check_declaration, check_kind, check_place
from tmon_common.analyses.declaration import AnalysisDeclaration
from tmon_common.observations import KINDS, Kind

GROUP = "trafmon.analysers"
"""Of entry points: name of the analysis -> its AnalysisDeclaration."""

BUILT_IN = "tmon_common.analyses.built_in"


class PluginError(ValueError):
    """A plug-in that cannot be used: whose it is, what is wrong, what to do."""


@dataclass(frozen=True)
class Catalogue:
    """analyses: by name; kinds: by name, the built-in ones first; packages: of each analysis, name and version of its package."""

    analyses: dict[str, AnalysisDeclaration]
    kinds: dict[str, Kind]
    packages: dict[str, str]

    def kinds_by_number(self) -> dict[int, Kind]:
        return {k.number: k for k in self.kinds.values()}


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """What the entry points of the group name. PluginError for one that cannot be used."""
    return collect(entry_points(group=GROUP))


def collect(points: Iterable[EntryPoint]) -> Catalogue:
    """The same of given entry points."""
    analyses: dict[str, AnalysisDeclaration] = {}
    kinds, packages = dict(KINDS), {}
    for point in sorted(points, key=_ours_first):
        declared = _load(point)
        try:
            check_declaration(declared)
            if not is_built_in(point):
                check_place(declared, point.module)
            if declared.name in analyses:
                raise ValueError(f"there is an analysis {declared.name} already")
            for kind in declared.kinds:
                if kinds.get(kind.name) is not kind:
                    check_kind(kind, kinds.values())
                    kinds[kind.name] = kind
        except ValueError as error:
            raise _problem(point, str(error)) from None
        except Exception as error:  # whatever stands in the declaration of others
            raise _problem(point, f"{type(error).__name__}: {error}") from error
        analyses[declared.name] = declared
        packages[declared.name] = f"{point.dist.name} {point.dist.version}" if point.dist else ""
    return Catalogue(analyses, kinds, packages)


def is_built_in(point: EntryPoint) -> bool:
    return point.value.startswith(f"{BUILT_IN}:")


def _ours_first(point: EntryPoint) -> tuple:
    """Ours, then those of others by name."""
    return not is_built_in(point), "" if is_built_in(point) else point.name


def _load(point: EntryPoint) -> AnalysisDeclaration:
    try:
        declared = point.load()
    except Exception as error:  # whatever the code of others does
        raise _problem(point, f"{type(error).__name__}: {error}") from error
    if not isinstance(declared, AnalysisDeclaration):
        raise _problem(point, f"it is no AnalysisDeclaration but a {type(declared).__name__}")
    if declared.name != point.name:
        raise _problem(point, f"it declares the analysis {declared.name}; expected the name of the entry point")
    return declared


def _problem(point: EntryPoint, what: str) -> PluginError:
    owner = f" of the package {point.dist.name}" if point.dist else ""
    return PluginError(f"plug-in {point.name}{owner} ({point.value}) cannot be used: {what}; correct it, or uninstall its package")
