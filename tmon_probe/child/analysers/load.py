"""From the declarations of analyses to the code that measures; only what the classes of a probe ask for is loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from importlib import import_module

from tmon_common.analyses.catalogue import PluginError, catalogue
from tmon_common.config.model import FlowClass
from tmon_probe.child.analyser import Analyser

Factories = dict[str, Callable[..., Analyser]]
"""Kind of analysis -> factory of its analyser, `factory(tasks, context)`."""
METHODS = ("process", "flush", "retire", "finish")
"""What every analyser has."""


def factories_of(classes: Iterable[FlowClass]) -> Factories:
    """What the classes ask for. PluginError if its code cannot be loaded, or is no analyser."""
    return {name: _load(name) for name in dict.fromkeys(a.kind for c in classes for a in c.analyses)}


def all_factories() -> Factories:
    """Of every analysis that is installed."""
    return {name: _load(name) for name in catalogue().analyses}


def lacking(analyser: object) -> list[str]:
    """Names of the methods that an analyser, or its class, does not have."""
    return [name for name in METHODS if not callable(getattr(analyser, name, None))]


def _load(name: str) -> Callable[..., Analyser]:
    path = catalogue().analyses[name].analyser
    module, _, attribute = path.partition(":")
    try:
        factory = getattr(import_module(module), attribute)
    except Exception as error:  # whatever the code of others does
        raise _problem(name, path, f"cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(factory):
        raise _problem(name, path, f"is no class but a {type(factory).__name__}")
    if inspect.isclass(factory) and (methods := lacking(factory)):
        raise _problem(name, path, f"is no analyser: it has no method {', '.join(methods)}")
    return factory


def _problem(name: str, path: str, what: str) -> PluginError:
    return PluginError(f"analysis {name}: {path} {what}; correct it, or take the analysis out of the configuration")
