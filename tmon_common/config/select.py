"""Which probe or collector of the configuration are we?"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TypeVar

from tmon_common.config.model import Collector, Configuration, Probe
from tmon_common.config.problems import Problem, SelectionError
from tmon_common.config.this_machine import is_this_machine

_Declared = TypeVar("_Declared", Probe, Collector)


def select_probe(configuration: Configuration, name: str | None = None) -> Probe:
    """The probe of that name; without a name the only one, or the only one whose host is this machine. Else SelectionError."""
    return _select(configuration, configuration.probes, "probe", name)


def select_collector(configuration: Configuration, name: str | None = None) -> Collector:
    """As `select_probe`."""
    return _select(configuration, configuration.collectors, "collector", name)


def _select(configuration: Configuration, declared: Sequence[_Declared], what: str, name: str | None) -> _Declared:
    names = ", ".join(d.name for d in declared)
    if name is not None:
        for entry in declared:
            if entry.name == name:
                return entry
        message = f'there is no {what} "{name}"; expected one of: {names}'
    else:
        if len(declared) == 1:
            return declared[0]
        here = [d for d in declared if d.host and is_this_machine(d.host)]
        if len(here) == 1:
            return here[0]
        if here:
            message = f"{len(here)} {what}s are on this machine; expected a name: {', '.join(d.name for d in here)}"
        else:
            message = (f"none of {len(declared)} {what}s has this machine ({socket.gethostname()}) as its host; "
                       f"expected a name: {names}")
    raise SelectionError([Problem(configuration.path, 0, what, message)])
