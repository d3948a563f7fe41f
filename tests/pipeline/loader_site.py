"""A place where a loader works: configuration, spool, archive and a database of either engine."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from lxml import etree

from tests.unit.store.spool_files import expected_rollup, stored_rollup
from tests.unit.store.test_archive import listed
from tmon_common.config.store_model import Store
from tmon_store.open import open_store

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "trafmon_loader.py"
LEVELS = ("1min", "1h", "1day")
CONFIGURATION = """<trafmon>
  <flow_classes>
    <flow_class name="all">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port"/>
      <analysis kind="ip_counters"/>
    </flow_class>
  </flow_classes>
  <collectors><collector name="c1" address="127.0.0.1"><spool directory="{spool}"/></collector></collectors>
  <probes><probe name="probe"><interface name="lan" device="lo"/><publish collector="c1"/></probe></probes>
</trafmon>
"""


@dataclass
class Site:
    """store: as `config` says it. Its files are in `folder`."""

    folder: Path
    store: Store

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def config(self) -> Path:
        return self.folder / "tmon.xml"

    def configure(self, **changes: object) -> None:
        """Write the configuration, after these changes to the store. The archive is `folder`/archive."""
        self.store = replace(self.store, **changes)
        self.spool.mkdir(exist_ok=True)
        root = etree.fromstring(CONFIGURATION.format(spool=self.spool))
        store = etree.SubElement(root, "store", backend=self.store.backend, database=str(self.store.database))
        if self.store.backend == "mysql":
            server = self.store.server
            etree.SubElement(store, "server", socket=str(server.socket), option_file=str(server.option_file), group=server.group)
        if self.store.archive:
            archive = etree.SubElement(store, "archive", directory=str(self.store.archive))
            if self.store.archive_keep_ns:
                archive.set("keep", f"{self.store.archive_keep_ns // 10**9}s")
        for rule in self.store.retention:
            given = {n: getattr(rule, n) for n in ("kind", "granularity") if getattr(rule, n)}
            etree.SubElement(store, "retention", keep=f"{rule.keep_ns // 10**9}s", **given)
        self.config.write_bytes(etree.tostring(root))

    def load(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """The program, with this configuration."""
        return run_script(SCRIPT, "-c", self.config, *arguments)

    def ask(self, statement: str | sa.Executable) -> list[tuple]:
        """Rows of a question."""
        store = open_store(self.store, read_only=True)
        try:
            return store.query(statement)
        finally:
            store.close()

    def check_rollups(self, kind: str, rows: Iterable[dict]) -> None:
        """All levels of a kind hold these rows, each once."""
        rows = list(rows)
        for level in LEVELS:
            assert expected_rollup(kind, rows, level) == stored_rollup(self.store, kind, level)

    def spooled(self) -> set[str]:
        """Names of files in the spool."""
        return {p.name for p in self.spool.glob("*.csv")}

    def archived(self) -> Counter[str]:
        """Names of files in archives, and how often each is there. Fails if an archive is not whole."""
        return Counter(name for tar in self.store.archive.glob("*.tar.gz") for name in listed(tar))


def run_script(script: Path, *arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """A program of ours, to its end."""
    return subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          check=False, cwd=ROOT)
