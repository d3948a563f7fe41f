"""Every analysis and every kind of observation that is installed here, those of plug-ins among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from tmon_common.analyses.declaration import AnalysisDeclaration
from tmon_common.observations import KINDS, Kind

GROUP = "trafmon.analysers"
"""Of entry points: name of the analysis -> its AnalysisDeclaration."""
FIRST_PLUGIN_KIND, LAST_KIND = 0x8000, 0xFFFF


class PluginError(ValueError):
    """A plug-in that cannot be used: whose it is, what is wrong, what to do."""


@dataclass(frozen=True)
class Catalogue:
    """analyses: by name; kinds: by name, the built-in ones first."""

    analyses: dict[str, AnalysisDeclaration]
    kinds: dict[str, Kind]

    def kinds_by_number(self) -> dict[int, Kind]:
        return {k.number: k for k in self.kinds.values()}


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """What the entry points of the group name. PluginError for one that cannot be used."""
    return collect(entry_points(group=GROUP))


def collect(points: Iterable[EntryPoint]) -> Catalogue:
    """The same of given entry points."""
    analyses: dict[str, AnalysisDeclaration] = {}
    kinds, numbers = dict(KINDS), {k.number: k.name for k in KINDS.values()}
    for point in sorted(points, key=_ours_first):
        declared = _load(point)
        if declared.name in analyses:
            raise _problem(point, f"there is an analysis {declared.name} already")
        analyses[declared.name] = declared
        for kind in declared.kinds:
            if kinds.get(kind.name) is kind:
                continue
            if kind.name in kinds:
                raise _problem(point, f"there is a kind of observation {kind.name} already")
            if not FIRST_PLUGIN_KIND <= kind.number <= LAST_KIND:
                raise _problem(point, f"kind {kind.name} has the number {kind.number}; expected {FIRST_PLUGIN_KIND:#x} to "
                                      f"{LAST_KIND:#x}")
            if kind.number in numbers:
                raise _problem(point, f"kind {kind.name} has the number {kind.number:#x} of {numbers[kind.number]}")
            kinds[kind.name], numbers[kind.number] = kind, kind.name
    return Catalogue(analyses, kinds)


def _ours_first(point: EntryPoint) -> tuple:
    built_in = point.value.startswith("tmon_common.analyses.built_in:")
    return not built_in, "" if built_in else point.name


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
