"""From the declarations of analyses to the code that measures; only what the classes of a probe ask for is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module

from tmon_common.analyses.catalogue import PluginError, catalogue
from tmon_common.config.model import FlowClass
from tmon_probe.child.analyser import Analyser

Factories = dict[str, Callable[..., Analyser]]
"""Kind of analysis -> factory of its analyser, `factory(tasks, context)`."""


def factories_of(classes: Iterable[FlowClass]) -> Factories:
    """What the classes ask for. PluginError if its code cannot be loaded."""
    return {name: _load(name) for name in dict.fromkeys(a.kind for c in classes for a in c.analyses)}


def all_factories() -> Factories:
    """Of every analysis that is installed."""
    return {name: _load(name) for name in catalogue().analyses}


def _load(name: str) -> Callable[..., Analyser]:
    path = catalogue().analyses[name].analyser
    module, _, attribute = path.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # whatever the code of others does
        raise PluginError(f"analysis {name}: {path} cannot be loaded: {type(error).__name__}: {error}; correct it, or take the "
                          f"analysis "
                          "out of the configuration") from error
