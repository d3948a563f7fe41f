"""The declaration of an analysis, built-in or plugged in: its name, its options, the kinds it publishes, where its code is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tmon_common.config.model import Analysis
from tmon_common.observations import Kind


@dataclass(frozen=True)
class Option:
    """A parameter of an analysis: `<option name= value=>`, or an attribute of `<analysis>` where the DTD has one of that name.

    default     as it would be written in the configuration
    parse       text -> value; ValueError says what was expected
    values      the accepted texts, () if any text that `parse` takes is
    """

    name: str
    default: str
    meaning: str
    parse: Callable[[str], Any] = str
    values: tuple[str, ...] = ()

    def read(self, text: str) -> Any:
        """ValueError says what was expected."""
        if self.values and text not in self.values:
            raise ValueError(f"expected {' or '.join(self.values)}")
        try:
            return self.parse(text)
        except ValueError:
            raise
        except Exception as error:  # whatever the code of others does
            raise ValueError(f"it cannot be read: {type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class AnalysisDeclaration:
    """What the entry points of the group `trafmon.analysers` name.

    name        `<analysis kind>` in the configuration
    analyser    "package.module:Class", loaded by probes only: see tmon_probe.child.analyser.Analyser
    kinds       kinds of rows that it publishes; of plug-ins, numbers from 0x8000 on
    histogram_unit  unit of the histogram it needs; "" if it uses none
    standard    part of what `trafmon analyse` measures when it is not told what
    """

    name: str
    meaning: str
    analyser: str
    kinds: tuple[Kind, ...] = ()
    options: tuple[Option, ...] = ()
    histogram_unit: str = ""
    standard: bool = True

    def option(self, analysis: Analysis, name: str) -> Any:
        """Value of an option as this analysis of a class has it, else its default. KeyError if no such option is declared."""
        declared = next((o for o in self.options if o.name == name), None)
        if declared is None:
            raise KeyError(f"{self.name} has no option {name}")
        return declared.read(dict(analysis.options).get(name, declared.default))
