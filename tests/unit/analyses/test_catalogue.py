"""The catalogue of analyses: ours by their entry points, those of others checked before they are let in."""

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint

import pytest

from tests.conftest import REPOSITORY
from tmon_common.analyses import built_in
from tmon_common.analyses.catalogue import GROUP, PluginError, catalogue, collect
from tmon_common.analyses.checks import MAX_SAMPLES, check_columns, check_declaration, tables_of
from tmon_common.analyses.declaration import AnalysisDeclaration, Option
from tmon_common.config.model import Analysis
from tmon_common.kernels import cache
from tmon_common.observations import KINDS, Column, Kind, Merge, Type
from tmon_common.observations.counters import FLOW_INTERVAL
from tmon_store.backends.mysql_sql import rows_table
from tmon_store.ip_info.schema import IP_INFO, MARKS
from tmon_store.open import open_store
from tmon_store.protocol_port import TABLE as PORTS
from tmon_store.schema import flow_table, is_counted, manifest_table, record_table, rollups
from tmon_store.volumes.schema import TABLES

COLUMN = Column("n", Type.INTEGER, "")
KIND = Kind("foreign", 0x9001, "", (COLUMN,))
FOREIGN = AnalysisDeclaration("foreign", "what others measure", f"{__name__}:Foreign", (KIND,))


def point(name: str = "foreign", attribute: str = "FOREIGN", module: str = __name__) -> EntryPoint:
    return EntryPoint(name, f"{module}:{attribute}", GROUP)


def refused(monkeypatch, declared: object) -> str:
    monkeypatch.setattr(f"{__name__}.FOREIGN", declared)
    with pytest.raises(PluginError) as error:
        collect([point()])
    return str(error.value)


def test_entry_points_of_ours():
    """pyproject.toml names every built-in declaration, by its name; so they are found as those of others are."""
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    points = [EntryPoint(name, value, GROUP) for name, value in declared.items()]
    assert list(built_in.ALL) == list(collect(points).analyses.values())
    assert cache.PLUGINS == GROUP


def test_every_kind_of_ours_is_published_by_one():
    """Those that the probe, or the collector, makes by itself apart."""
    published = {k.name for declared in built_in.ALL for k in declared.kinds}
    of_collectors = {k.name for k in KINDS.values() if 33 <= k.number <= 42}  # what they make of one_way_observation and of NetFlow
    assert set(KINDS) - published - of_collectors == {"flow_definition", "histogram_definition", "event", "probe_clock"}


def test_ours_keep_the_rules():
    """What is asked of others holds for the built-in declarations too."""
    for declared in built_in.ALL:
        check_declaration(declared)
    for kind in KINDS.values():
        check_columns(kind)


def test_tables_are_foreseen():
    """Every table and view that the store makes of a kind is among those that no other kind may take."""
    for kind in KINDS.values():
        if is_counted(kind):
            made = {t.name for r in rollups(kind) for t in (r.single, r.merged, rows_table(r)) if t}
            made |= {r.name for r in rollups(kind)}
        else:
            made = {record_table(kind).name}
        assert made <= tables_of(kind.name)
    for table in (flow_table(), manifest_table(), IP_INFO, MARKS, PORTS, *TABLES):
        with pytest.raises(PluginError, match="there is a table"):
            collect([_with_kind(table.name)])


def _with_kind(name: str) -> EntryPoint:
    class Point(EntryPoint):
        def load(self):
            return AnalysisDeclaration("foreign", "", f"{__name__}:Foreign", (Kind(name, 0x9001, "", (COLUMN,)),))

    return Point("foreign", f"{__name__}:NOTHING", GROUP)


def test_one_of_others():
    """Stands behind ours, its kind too; the same kind may be published by several."""
    found = collect([point(), EntryPoint("ip_counters", f"{built_in.__name__}:IP_COUNTERS", GROUP)])
    assert ["ip_counters", "foreign"] == list(found.analyses)
    assert [*KINDS, "foreign"] == list(found.kinds)
    assert KIND is found.kinds_by_number()[0x9001]


@pytest.mark.parametrize(("kind", "told"), [
    (Kind("foreign", 0x7FFF, "", (COLUMN,)), "has the number 32767; expected 0x8000 to 0xffff"),
    (Kind("foreign", 0x10000, "", (COLUMN,)), "expected 0x8000 to 0xffff"),
    (Kind("foreign", "0x9001", "", (COLUMN,)), "expected 0x8000 to 0xffff"),
    (Kind("ip_counters", 0x9001, "", (COLUMN,)), "there is a kind of observation ip_counters already"),
    (Kind("ip_counters_1min", 0x9001, "", (COLUMN,)), "tables of the kind ip_counters_1min would have names"),
    (Kind("Foreign", 0x9001, "", (COLUMN,)), "kind of observation 'Foreign': expected a small letter"),
    (Kind("a" * 49, 0x9001, "", (COLUMN,)), "expected a small letter, then up to 47"),
    (Kind('x"; DROP TABLE flow; --', 0x9001, "", (COLUMN,)), "expected a small letter"),
    (Kind("../x", 0x9001, "", (COLUMN,)), "expected a small letter"),
    (Kind("foreign", 0x9001, "", ()), "expected a tuple of Column"),
    (Kind("foreign", 0x9001, "", [COLUMN]), "expected a tuple of Column"),
    (Kind("foreign", 0x9001, "", ("n",)), "expected a tuple of Column"),
    (Kind("foreign", 0x9001, "", (Column("n,m", Type.INTEGER, ""),)), "column 'n,m': expected a small letter"),
    (Kind("foreign", 0x9001, "", (COLUMN, COLUMN)), "column n stands there twice"),
    (Kind("foreign", 0x9001, "", (Column("n", Type.INTEGER, "", reverse=True), Column("n_rev", Type.INTEGER, ""))),
     "column n_rev stands there twice"),
    (Kind("foreign", 0x9001, "", (Column("probe", Type.STRING, ""),)), "column probe: every table has one"),
    (Kind("foreign", 0x9001, "", (Column("flow_key", Type.INTEGER, ""),)), "column flow_key: every table has one"),
    (Kind("foreign", 0x9001, "", (Column("flow", Type.STRING, "", merge=Merge.KEY),)), "column flow is the number of the flow"),
    (Kind("foreign", 0x9001, "", (Column("n", "integer", ""),)), "column n is of type 'integer'"),
    (Kind("foreign", 0x9001, "", (Column("n", Type.INTEGER, "", merge=Merge.KEY, nullable=True),)), "is a key and may be empty"),
    (Kind("foreign", 0x9001, "", (Column("n", Type.ADDRESS, "", repeat=100),)), "is repeated 100 times"),
    (Kind("foreign", 0x9001, "", tuple(Column(f"n{i}", Type.ADDRESS, "", repeat=50) for i in range(3))), "have 300 words"),
    (Kind("foreign", 0x9001, "", (Column("n", Type.INTEGER, "", merge=Merge.SAMPLE),)), "need flow and start"),
    (Kind("foreign", 0x9001, "", (*FLOW_INTERVAL, Column("n", Type.STRING, "", merge=Merge.SUM))), "a string cannot be merged by"),
    (Kind("foreign", 0x9001, "", (*FLOW_INTERVAL, Column("n", Type.INTEGER, "", merge=Merge.SAMPLE),
                                  Column("n_sum", Type.INTEGER, "", merge=Merge.SUM))), "n_sum stands there twice"),
    (Kind("volume", 0x9001, "", (*FLOW_INTERVAL, Column("n", Type.INTEGER, "", merge=Merge.SUM))), "a table volume already"),
    (Kind("working_n", 0x9001, "", (COLUMN,)), "begin with working_ do not last"),
    (Kind("foreign", 0x9001, "", (*FLOW_INTERVAL, Column("n" * 46, Type.INTEGER, "", merge=Merge.SAMPLE, reverse=True))),
     "has 65 characters; 64"),
    (Kind("foreign", 0x9001, "", (Column("seen", Type.TIME, ""), Column("seen_ns", Type.INTEGER, ""))), "the time seen has one of"),
    (Kind("foreign", 0x9001, "", tuple(Column(f"n{i}", Type.STRING, "", merge=Merge.KEY) for i in range(4)), permanent=True),
     "its key takes 3818 octets"),
    (Kind("foreign", 0x9001, "", (*FLOW_INTERVAL, Column("n", Type.INTEGER, "", merge=Merge.SAMPLE, repeat=61, reverse=True))),
     "it has 122 columns of samples"),
], ids=str)
def test_kinds_that_cannot_be(monkeypatch, kind, told):
    """Names that are none, numbers of others, columns that no table could have: told before anything is made of them."""
    message = refused(monkeypatch, AnalysisDeclaration("foreign", "", f"{__name__}:Foreign", (kind,)))
    assert message.startswith(f"plug-in foreign ({__name__}:FOREIGN) cannot be used: ")
    assert told in message
    assert message.endswith("; correct it, or uninstall its package")


@pytest.mark.parametrize(("fields", "told"), [
    ({"name": "other"}, "it declares the analysis other; expected the name of the entry point"),
    ({"analyser": "nothing"}, "its analyser is 'nothing'; expected \"package.module:Class\""),
    ({"analyser": "os:system"}, "lies outside of the package tests"),
    ({"histogram_unit": "miles"}, 'its histogram is in "miles"'),
    ({"kinds": [KIND]}, "expected a tuple of Kind"),
    ({"options": ("x",)}, "expected a tuple of Option"),
    ({"options": (Option("a b", "", ""),)}, "option 'a b': expected a small letter"),
    ({"options": (Option("a", "", ""), Option("a", "", ""))}, "option a stands there twice"),
    ({"options": (Option("a", "7", "", values=("8",)),)}, 'the default "7" of its option a is none: expected 8'),
    ({"options": (Option("a", "x", "", int),)}, 'the default "x" of its option a is none'),
    ({"options": (Option("a", "x", "", lambda text: {}[text]),)}, "it cannot be read: KeyError: 'x'"),
], ids=str)
def test_declarations_that_cannot_be(monkeypatch, fields, told):
    """The same of everything else that is declared."""
    whole = {"name": "foreign", "meaning": "", "analyser": f"{__name__}:Foreign", **fields}
    assert told in refused(monkeypatch, AnalysisDeclaration(**whole))


def test_two_of_one_name_or_number(monkeypatch):
    """The second is refused, whoever came first."""
    with pytest.raises(PluginError, match="there is an analysis foreign already"):
        collect([point(), point()])
    monkeypatch.setattr(f"{__name__}.OTHER", AnalysisDeclaration("other", "", f"{__name__}:Foreign",
                                                                  (Kind("others", 0x9001, "", (COLUMN,)),)), raising=False)
    with pytest.raises(PluginError, match="kind others has the number 0x9001 of foreign"):
        collect([point(), point("other", "OTHER")])


def test_options_of_an_analysis():
    """As the class has them, else their default; no other ones."""
    declared = built_in.DNS_TRANSACTION
    assert 10_000_000_000 == declared.option(Analysis("dns_transaction"), "timeout")
    assert 2_000_000_000 == declared.option(Analysis("dns_transaction", options=(("timeout", "2s"),)), "timeout")
    with pytest.raises(KeyError, match="no option speed"):
        declared.option(Analysis("dns_transaction"), "speed")


def test_nobody_compiles_for_the_catalogue():
    """Collector and loader know every kind without Numba, which only probes need."""
    program = ("import sys, tmon_common.config.read, tmon_store.load\n"
               "from tmon_common.analyses.catalogue import catalogue\n"
               "assert len(catalogue().analyses) > 5\n"
               "print([m for m in ('numba', 'llvmlite', 'tmon_probe', 'dpkt') if m in sys.modules])")
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert "[]\n" == found.stdout
    assert catalogue().analyses


@pytest.mark.parametrize("kind", [
    Kind("most_samples", 0x9001, "", (*FLOW_INTERVAL, *(Column(f"n{i}", Type.INTEGER, "", merge=Merge.SAMPLE, nullable=True)
                                                         for i in range(MAX_SAMPLES)))),
    Kind("most_text", 0x9001, "", (*FLOW_INTERVAL, *(Column(f"n{i}", Type.STRING, "", merge=Merge.KEY) for i in range(4)),
                                   Column("n", Type.INTEGER, "", merge=Merge.SUM))),
    Kind("longest", 0x9001, "", (*FLOW_INTERVAL, Column("n" * 45, Type.INTEGER, "", merge=Merge.SAMPLE, reverse=True))),
], ids=lambda kind: kind.name)
def test_what_is_let_in_fits_a_server(mariadb, kind):
    """The largest that the rules allow."""
    check_columns(kind)
    store = open_store(mariadb.store())
    store.ensure((), rollups(kind))
    store.close()
