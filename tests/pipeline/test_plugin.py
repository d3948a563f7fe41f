"""A package of somebody else, installed with pip: its rows reach CSV files and database; what is wrong with one is told."""

import ast
import csv
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest

from tests.conftest import OWN_CAPTURES, REPOSITORY, SHARED_CAPTURES
from tests.oracles import tshark
from tests.pipeline.collector_process import CollectorProcess

EXAMPLE = REPOSITORY / "docs" / "examples" / "trafmon-tls-names"
GUIDE = (REPOSITORY / "docs" / "plugins.md").read_text()
CONFIGURATION = EXAMPLE / "tls-names.xml"
CAPTURE = SHARED_CAPTURES / "mixed_many_protocols.pcap"
DEMO = OWN_CAPTURES / "demo" / "west.pcap"
LIMIT_S = 180
PORTS = (443, 8443)
needs_capture = pytest.mark.skipif(not CAPTURE.exists(), reason=f"{CAPTURE.name} is not beside the checkout")
needs_tshark = pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)


def install(source: Path, work: Path) -> Path:
    """The directory in which pip has put the package; nothing is written beside its sources."""
    copy, target = work / "source", work / "site"
    shutil.copytree(source, copy)
    options = ["--no-deps", "--quiet", "--disable-pip-version-check", "--target", target]
    if tuple(map(int, version("setuptools").split(".")[:2])) >= (70, 1):  # it makes wheels: no network needed
        options.append("--no-build-isolation")
    subprocess.run([sys.executable, "-m", "pip", "install", *options, copy], check=True, timeout=LIMIT_S)
    return target


def run(site: Path | None, *arguments: object) -> subprocess.CompletedProcess:
    """A module of ours, where the packages in `site` are installed too."""
    environment = {**os.environ, "PYTHONPATH": str(site or "")}
    return subprocess.run([sys.executable, "-m", *map(str, arguments)], check=False, capture_output=True, text=True, cwd=REPOSITORY,
                          env=environment, timeout=LIMIT_S)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    return install(EXAMPLE, tmp_path_factory.mktemp("plugin"))


@pytest.fixture(scope="module")
def measured(site, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("measured")
    result = run(site, "trafmon", "analyse", CAPTURE, "--config", CONFIGURATION, "--out", out, "--quiet")
    assert (0, "", "") == (result.returncode, result.stdout, result.stderr)
    return out


def hellos_of(capture: Path) -> Counter:
    """(time as text, client, its port, server, its port, server name, first protocol) of each ClientHello, as tshark sees it."""
    fields = ("frame.time_epoch", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "tls.handshake.extensions_server_name",
              "tls.handshake.extensions_alpn_str")
    wanted = f"tls.handshake.type == 1 && tcp.port in {{{', '.join(map(str, PORTS))}}}"
    command = ["tshark", "-n", "-r", capture, "-Y", wanted, "-T", "fields",
               "-E", "occurrence=f", *(word for name in fields for word in ("-e", name))]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Counter(tuple(line.split("\t")) for line in text.splitlines())


@needs_capture
@needs_tshark
def test_rows_in_csv_files_are_those_of_tshark(measured):
    """Every ClientHello, with the server name that tshark reads."""
    columns = ("time", "client_addr", "client_port", "server_addr", "server_port", "server_name", "protocol_name")
    rows = [row for path in measured.glob("spool/tls_client_hello.*.csv") for row in csv.DictReader(path.open(newline=""))]
    assert len(rows) > 10
    assert hellos_of(CAPTURE) == Counter(tuple(row[c] for c in columns) for row in rows)


@needs_capture
@needs_tshark
def test_rows_in_the_database_are_those_of_tshark(measured):
    """A table of its own, joined with the flows as every other."""
    expected = Counter((h[1], h[3], h[5] or None) for h in hellos_of(CAPTURE))
    query = "SELECT client_addr, dst_addr, server_name FROM tls_client_hello JOIN flow USING (flow_key)"
    with duckdb.connect(str(measured / "trafmon.duckdb"), read_only=True) as store:
        assert expected == Counter(store.execute(query).fetchall())


def test_it_is_listed_and_described(site):
    """`trafmon analyses` names it with its package, and tells its options and columns; without the package there is none."""
    listed = run(site, "trafmon", "analyses")
    assert re.search(r"^tls_client_hello +trafmon-tls-names 1\.0 ", listed.stdout, re.MULTILINE)
    described = run(site, "trafmon", "analyses", "tls_client_hello")
    assert all(f"`{word}`" in described.stdout for word in ("ports", "443", "server_name", "complete"))
    without = run(None, "trafmon", "analyses", "tls_client_hello")
    assert (2, "") == (without.returncode, without.stdout)
    assert "there is no analysis tls_client_hello" in without.stderr


def test_its_configuration_is_checked(site, tmp_path):
    """Its options are read by its own parser, problems told with their line; without the package there is no such analysis."""
    assert 0 == run(site, "trafmon", "check-config", CONFIGURATION).returncode
    wrong = tmp_path / "tmon.xml"
    wrong.write_text(CONFIGURATION.read_text().replace('value="443 8443"', 'value="https"'))
    result = run(site, "trafmon", "check-config", wrong)
    line = next(n for n, text in enumerate(wrong.read_text().splitlines(), 1) if "https" in text)
    assert (2, "") == (result.returncode, result.stdout)
    assert f"{wrong}:{line}:" in result.stderr
    assert 'ports="https": expected TCP ports, such as 443 8443' in result.stderr
    without = run(None, "trafmon", "check-config", CONFIGURATION)
    assert 2 == without.returncode
    assert 'kind="tls_client_hello": there is no such analysis' in without.stderr


@needs_capture
def test_a_loader_without_it_leaves_its_files(site, measured, tmp_path):
    """They stay in the spool, a warning says so; a loader that has it takes them later, each once."""
    spool = shutil.copytree(measured / "spool", tmp_path / "spool")
    for where, told, rows in ((None, "left in the spool: unknown kind 'tls_client_hello'", None), (site, "", 1), (site, "", 1)):
        result = run(where, "tests.pipeline.load", spool, tmp_path / "store.duckdb")
        assert 0 == result.returncode
        assert told in result.stderr
        assert bool(told) == bool(result.stderr)
        with duckdb.connect(str(tmp_path / "store.duckdb"), read_only=True) as store:
            tables = {name for name, in store.execute("SELECT table_name FROM information_schema.tables").fetchall()}
            assert bool(rows) == ("tls_client_hello" in tables)
            if rows:
                found = store.execute("SELECT count(*) FROM tls_client_hello").fetchall()[0][0]
                assert sum(1 for p in spool.glob("tls_client_hello.*.csv") for _ in csv.DictReader(p.open(newline=""))) == found


@needs_capture
def test_a_collector_without_it_takes_the_rest(site, tmp_path):
    """It refuses rows of that kind; definitions arrive all the same, and the probe says what was refused, and to whom."""
    with CollectorProcess(tmp_path) as collector:
        text = CONFIGURATION.read_text().replace('<probe name="probe">', '<probe name="probe" seal="crc">')
        text = text.replace('address="127.0.0.1"', f'address="127.0.0.1" port="{collector.port}"')
        recorded = f'<interface name="lan" capture="replay"><file path="{CAPTURE}"/></interface>'
        (tmp_path / "probe.xml").write_text(text.replace('<interface name="lan" device="eth0"/>', recorded))
        probe = run(site, "tmon_probe", "-c", tmp_path / "probe.xml")
        assert 1 == probe.returncode
        assert "does not understand rows of the kind tls_client_hello" in probe.stderr
        assert "Traceback" not in probe.stderr
        assert 0 == collector.stop()
    kinds = {path.name.split(".")[0] for path in collector.files()}
    assert "flow_definition" in kinds
    assert "tls_client_hello" not in kinds


def forge(site: Path, declaration: str, analyser: str = "") -> Path:
    """As pip would leave a package "broken" of two modules with the analysis `broken`, without the trouble."""
    (site / "broken").mkdir(parents=True)
    (site / "broken" / "__init__.py").write_text("")
    (site / "broken" / "declaration.py").write_text(f"{IMPORTS}\n{declaration}\n")
    (site / "broken" / "analyser.py").write_text(f"{IMPORTS}\n{analyser}\n")
    (site / "broken-0.1.dist-info").mkdir()
    (site / "broken-0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 0.1\n")
    (site / "broken-0.1.dist-info" / "entry_points.txt").write_text("[trafmon.analysers]\nbroken = broken.declaration:BROKEN\n")
    return site


IMPORTS = """from tmon_common.analyses.declaration import AnalysisDeclaration
from tmon_common.observations import Column, Kind, Merge, Rows, Type
from tmon_common.observations.tcp_connections import TCP_CONNECTION
import numpy as np
"""
GOOD = 'BROKEN = AnalysisDeclaration("broken", "nothing", "broken.analyser:Broken", standard=False)'
KIND = ('BROKEN = AnalysisDeclaration("broken", "nothing", "broken.analyser:Broken", '
        '(Kind({name!r}, {number}, "", (Column({column!r}, Type.INTEGER, ""),)),), standard=False)')
METHODS = """
class Broken:
    def __init__(self, tasks, context): self.emit = context.emit
    def process(self, batch): pass
    def flush(self, now_ns): pass
    def retire(self, entries): pass
    def finish(self): pass
"""


def analyse_broken(site: Path, tmp_path: Path) -> subprocess.CompletedProcess:
    text = CONFIGURATION.read_text().replace('<option name="ports" value="443 8443"/>', "")
    text = re.sub(r"<filter>.*</filter>", "", text, flags=re.DOTALL).replace("tls_client_hello", "broken")
    (tmp_path / "broken.xml").write_text(text)
    result = run(site, "trafmon", "analyse", DEMO, "--config", tmp_path / "broken.xml", "--out", tmp_path / "out", "--quiet")
    assert "Traceback" not in result.stderr
    return result


@pytest.mark.parametrize(("declaration", "told"), [
    ("BROKEN = 1 / 0", "ZeroDivisionError: division by zero"),
    ("BROKEN = TCP_CONNECTION", "it is no AnalysisDeclaration but a Kind"),
    ("", "AttributeError: module 'broken.declaration' has no attribute 'BROKEN'"),
    (GOOD.replace('"broken",', '"other",'), "it declares the analysis other"),
    (GOOD.replace("broken.analyser", "elsewhere.analyser"), "lies outside of the package broken"),
    (KIND.format(name="broken", number=30, column="n"), "kind broken has the number 0x1e of dns_transaction"),
    (KIND.format(name="event", number=0x8001, column="n"), "there is a kind of observation event already"),
    (KIND.format(name="drop table", number=0x8001, column="n"), "kind of observation 'drop table': expected a small letter"),
    (KIND.format(name="broken", number=0x8001, column="a,b"), "kind broken: column 'a,b': expected a small letter"),
])
def test_a_declaration_that_cannot_be_used(tmp_path, declaration, told):
    """Whatever is wrong: which plug-in of which package, and why; status 2 of every program that looks for analyses."""
    site = forge(tmp_path / "site", declaration)
    result = analyse_broken(site, tmp_path)
    assert (2, "") == (result.returncode, result.stdout)
    assert "plug-in broken of the package broken (broken.declaration:BROKEN) cannot be used: " in result.stderr
    assert told in result.stderr
    if told.startswith("ZeroDivisionError"):
        for command in (("trafmon", "analyse", DEMO, "--out", tmp_path / "default"), ("trafmon", "analyses"),
                        ("trafmon", "check-config", CONFIGURATION), ("trafmon", "warmup", "--quiet"),
                        ("tmon_collector", "-c", CONFIGURATION), ("tmon_probe", "-c", CONFIGURATION)):
            other = run(site, *command)
            assert (2, "") == (other.returncode, other.stdout)
            assert told in other.stderr
            assert "Traceback" not in other.stderr


@pytest.mark.parametrize(("analyser", "told"), [
    ("import nowhere", "broken.analyser:Broken cannot be loaded: ModuleNotFoundError: No module named 'nowhere'"),
    (METHODS.replace("def retire", "def retired"), "broken.analyser:Broken is no analyser: it has no method retire"),
    (METHODS.replace("self.emit = context.emit", "tasks[9]"), "cannot be used: IndexError: list index out of range"),
    (METHODS + "    def demand(analysis): return 7", "its demand cannot be used: TypeError: it is 7; expected a Demand"),
    (METHODS + "    def counters(self): return {'flows': 1}", "counter 'flows': expected"),
    (METHODS.replace("batch): pass", "batch): batch.nothing"), "analysis broken failed in process: AttributeError"),
])
def test_an_analyser_that_cannot_be_used(tmp_path, analyser, told):
    """Before the first packet: which analysis, and why; status 2."""
    result = analyse_broken(forge(tmp_path / "site", GOOD, analyser), tmp_path)
    assert (2, "") == (result.returncode, result.stdout)
    assert told in result.stderr
    assert "broken" in result.stderr


@pytest.mark.parametrize(("body", "told"), [
    ("batch.count and batch.records[-1 - batch.count]", "analysis broken failed in process: IndexError"),
    ("batch.count and self.emit(Rows(TCP_CONNECTION, np.zeros(1, TCP_CONNECTION.dtype)))",
     "ValueError: rows of the kind tcp_connection, which its declaration does not name"),
])
def test_an_analyser_that_fails_at_work(tmp_path, body, told):
    """The probe ends with status 3 and says which analysis, in which method and line of its code."""
    result = analyse_broken(forge(tmp_path / "site", GOOD, METHODS.replace("batch): pass", f"batch): {body}")), tmp_path)
    assert (3, "") == (result.returncode, result.stdout)
    assert told in result.stderr
    assert str(tmp_path / "site" / "broken" / "analyser.py") in result.stderr


def test_the_guide_shows_what_is_installed():
    """Every block of code in docs/plugins.md stands so in a file of the example, all of which the tests above run."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
    files = [path.read_text() for path in EXAMPLE.rglob("*") if path.is_file() and path.suffix in (".py", ".toml", ".xml", ".md")]
    assert len(blocks) > 8
    assert [] == [text for _, text in blocks if not any(text in file for file in files)]


def test_the_guide_names_what_there_is():
    """Modules and names that a plug-in may rely on; the example imports nothing else of ours."""
    table = GUIDE.split("## What a plug-in may rely on")[1]
    promised = {}
    for module, names in re.findall(r"`(tmon_[\w.]+)`[ |]+([^;|]*)", table):
        promised[module] = set(re.findall(r"`(\w+)`", names))
        imported = importlib.import_module(module)
        assert {n for n in promised[module] if not hasattr(imported, n)} == set()
    for path in EXAMPLE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("tmon_"):
                module = node.module if node.module in promised else f"{node.module}.{node.names[0].name}"
                wanted = {a.name for a in node.names} if module == node.module else set()
                assert wanted <= promised[module], f"{path.name} imports {wanted - promised[module]}"
