"""Which commands have a manual page, of which section, and where the text comes from that is not in their parsers."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from trafmon.manual.arguments import Command, parser_of

REVISED = "2026-11-26"
"""The date that the pages carry."""


@dataclass(frozen=True)
class Program:
    """A command as it is typed. module: where its `main` is, or scripts/<name>. guide: headings of docs/operation.md about it."""

    name: str
    section: int
    module: str = ""
    guide: tuple[str, ...] = ()
    see_also: tuple[str, ...] = ()

    def load(self, root: Path) -> ModuleType:
        """The module that has `main`, and a docstring that says more than the parser."""
        if self.module:
            return importlib.import_module(self.module)
        specification = importlib.util.spec_from_file_location(self.name.removesuffix(".py"), root / "scripts" / self.name)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    def about(self, root: Path, declared: Command) -> str:
        """What it says of itself: the docstring of its module if that tells exit statuses, or is a script's; else its parser."""
        docstring = (self.load(root).__doc__ or "").strip().removeprefix(f"{self.name}: ")
        text = docstring if not self.module or "Exit status" in docstring else declared.description
        return text[0].upper() + text[1:]

    def main(self, root: Path) -> Callable[[], int]:
        return self.load(root).main

    def parser(self, root: Path) -> argparse.ArgumentParser:
        """Its own, or the one that it reads its arguments with."""
        module = self.load(root)
        return module._parser() if hasattr(module, "_parser") else parser_of(module.main)


PROGRAMS = (
    Program("tmon_probe", 8, "tmon_probe.__main__", ("tmon_probe",), ("trafmon-top(1)", "trafmon-keygen(1)", "tmon_collector(8)")),
    Program("tmon_collector", 8, "tmon_collector.__main__", ("tmon_collector",), ("tmon_probe(8)", "trafmon_loader.py(8)")),
    Program("tmon_agent", 8, "tmon_agent.__main__", (), ("tmon_probe(8)", "tmon_collector(8)", "trafmon-snmp-secrets(1)")),
    Program("trafmon", 1, "trafmon.__main__", (), ("tmon_probe(8)", "tmon_collector(8)", "trafmon(7)")),
    Program("trafmon_loader.py", 8, "", ("scripts/trafmon_loader.py",), ("trafmon_purge.py(8)", "trafmon-query(1)")),
    Program("trafmon_purge.py", 8, "", ("scripts/trafmon_purge.py",), ("trafmon_loader.py(8)",)),
    Program("trafmon_update_ip_info.py", 8, "", ("scripts/trafmon_update_ip_info.py",), ("trafmon_volumes.py(8)",)),
    Program("trafmon_volumes.py", 8, "", (), ("trafmon_update_ip_info.py(8)",)),
    Program("trafmon_netflow.py", 8, "", (), ("tmon_collector(8)",)),
    Program("trafmon_mysql.py", 8, "", (), ("trafmon_loader.py(8)",)),
)

OVERVIEW = ("Health: what a probe tells of itself", "Keys", "Changing the configuration", "Diagnostics")
"""Headings of docs/operation.md that are about all programs: the page trafmon(7)."""

CONFIGURATION = "/etc/trafMon/xml/tmon.xml"

FILES = (
    (CONFIGURATION, "the configuration; {} another", ()),
    ("/etc/trafMon/xml/tmon-new.xml", "the next version of it, which takes force at its `startAt`", ()),
    ("/etc/trafMon/xml/keys/NAME.key", "the key of a probe, unless the configuration says another place", ("trafmon-keygen",)),
    ("/etc/trafMon/xml/snmp.secrets", "community strings and passphrases of SNMP, unless the configuration says another place",
     ("tmon_agent", "trafmon-snmp-secrets")),
    ("/etc/trafMon/diag/tmon_probe.diag, /etc/trafMon/diag/tmon_collector.diag",
     "which messages are written, for as long as the file is there", ()),
)
"""Names, what they hold, and which commands they matter to beside tmon_probe, tmon_collector and trafmon(7), which have all.
The configuration matters to every command with `-c`."""

WITH_ALL_FILES = ("trafmon", "tmon_probe", "tmon_collector")


def files(name: str, flags: set[str]) -> list[tuple[str, str]]:
    """Those of the command of this name, which takes these flags, and what they hold."""
    wanted = [(names, meaning) for names, meaning, commands in FILES
              if name in (*WITH_ALL_FILES, *commands) or names == CONFIGURATION]
    return [(names, meaning.format("`-l` and `-c` name" if "-l" in flags else "`-c` names")) for names, meaning in wanted]


ENVIRONMENT = (
    ("NUMBA_CACHE_DIR", "where compiled kernels are kept"),
    ("CACHE_DIRECTORY, XDG_CACHE_HOME", "else under `trafmon/kernels` in one of these, if they cannot be kept beside the sources"),
)

WITH_KERNELS = ("tmon_probe", "tmon_collector", "trafmon-analyse", "trafmon-one-way", "trafmon-warmup")
"""Commands that the environment matters to."""
