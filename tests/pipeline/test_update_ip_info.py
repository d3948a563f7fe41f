"""The update of addresses as a program, with a name server: what it prints, its exit statuses, interrupted and killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.dns_server import name_server
from tests.unit.store.spool_files import row_of, write_file
from tmon_common.config.store_model import Store
from tmon_store.load import load_spool
from tmon_store.open import open_store

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "trafmon_update_ip_info.py"
ORGANISATION = """<organisation>
  <location name="Site 1"><activity name="ADM"><network prefix="10.1.0.0/24"/><host address="10.1.0.2" name="two"/></activity>
  </location>
</organisation>
"""
LIMIT_S = 60


class Site:
    """A configuration, a spool and a database in one directory."""

    def __init__(self, folder, where, server=""):
        self.folder, self.where, self._server = folder, where, server
        self.config = folder / "tmon.xml"
        (folder / "organisation.xml").write_text(ORGANISATION, encoding="utf-8")
        self.configure('<organisation file="organisation.xml"/>')

    def configure(self, more):
        minimal = (ROOT / "etc" / "xml" / "minimal.xml").read_text(encoding="utf-8")
        database = self.where.database.name if self.where.backend == "duckdb" else self.where.database
        store = f'<store backend="{self.where.backend}" database="{database}">{self._server}{more}</store>'
        self.config.write_text(minimal.replace("</probes>", f"</probes>{store}"), encoding="utf-8")

    def load(self, *pairs):
        write_file(self.folder / "spool", "flow_definition",
                   [row_of("flow_definition", flow=i, flow_class="all", src_addr=a, dst_addr=b) for i, (a, b) in enumerate(pairs)])
        load_spool(self.folder / "spool", self.where)

    def start(self, *arguments):
        return subprocess.Popen([sys.executable, SCRIPT, "-c", self.config, *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self, *arguments):
        program = self.start(*arguments)
        out, err = program.communicate(timeout=LIMIT_S)
        return program.returncode, out, err

    def names(self):
        store = open_store(self.where, read_only=True)
        try:
            return {a: (s, n) for a, s, n in store.query("SELECT address, name_status, name FROM ip_info")}
        finally:
            store.close()


@pytest.fixture(params=["duckdb", "mysql"])
def site(request, tmp_path):
    if request.param == "duckdb":
        return Site(tmp_path, Store(database=tmp_path / "t.duckdb"))
    server = request.getfixturevalue("mariadb")
    where = server.store()
    return Site(tmp_path, where, f'<server socket="{server.socket}" option_file="{server.options}" group="{server.root.group}"/>')


def names_of(server, more=""):
    return f'<organisation file="organisation.xml"/><names servers="127.0.0.1:{server.port}" {more}/>'


def test_from_new_addresses_to_names(site, tmp_path):
    """One line each run; names are asked for once, declared and senseless ones not at all; --all asks again; -q says nothing."""
    site.load(("10.1.0.1", "10.1.0.2"), ("10.1.0.3", "224.0.0.1"), ("2001:db8::1", "198.51.100.7"))
    with name_server(tmp_path, "--host-record=one.example,10.1.0.1", "--host-record=v6.example,2001:db8::1") as server:
        site.configure(names_of(server))
        status, out, err = site.run()
        assert (0, "") == (status, err)
        assert 1 == out.count("\n")
        assert "6 new addresses, 0 changed, 4 names asked for: 2 found, 2 without, 0 failed" in out
        expected = {"10.1.0.1": ("found", "one.example"), "10.1.0.2": ("declared", "two"), "10.1.0.3": ("none", None),
                    "224.0.0.1": ("skipped", None), "2001:db8::1": ("found", "v6.example"), "198.51.100.7": ("none", None)}
        assert expected == site.names()
        assert 4 == len(server.queries())

        assert (0, "", "") == site.run("-q")
        assert 4 == len(server.queries())
        assert "0 new addresses, 0 changed, 4 names asked for" in site.run("--all")[1]
        assert 8 == len(server.queries())
        assert (0, "", "") == site.run("-q", "--no-names", "--all")
        assert 8 == len(server.queries())
    assert expected == site.names()


def test_interrupted(site, tmp_path):
    """Ctrl-C and SIGTERM: names that were told are kept, the next run asks for the others; kill -9: the next run asks again."""
    addresses = [f"10.9.0.{i}" for i in range(1, 31)]
    site.load(*((a, "10.1.0.1") for a in addresses))
    with name_server(tmp_path, *(f"--host-record=h{i}.example,{a}" for i, a in enumerate(addresses))) as server:
        site.configure(names_of(server, 'rate="5" parallel="1"'))
        known = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            asked = len(server.queries())
            program = site.start()
            wait_until(lambda a=asked: len(server.queries()) >= a + 3, program)
            os.kill(program.pid, number)
            out, err = program.communicate(timeout=LIMIT_S)
            found = sum(s is not None for s, _ in site.names().values())
            if number == signal.SIGKILL:
                assert known == found
            else:
                assert 1 == program.returncode
                assert "interrupted; what was done stays" in err
                assert "names asked for" in out
                assert known + 2 <= found <= known + len(server.queries()) - asked
            known = found
        site.configure(names_of(server, 'rate="1000"'))
        assert 0 == site.run()[0]
    assert {a: ("found", f"h{i}.example") for i, a in enumerate(addresses)} | {"10.1.0.1": ("none", None)} == site.names()


def test_two_at_once_and_a_loader(site, tmp_path):
    """While one asks for names, another is told to come later, and the loader loads."""
    site.load(*((f"10.9.0.{i}", "10.1.0.1") for i in range(1, 20)))
    with name_server(tmp_path) as server:
        site.configure(names_of(server, 'rate="5" parallel="1"'))
        program = site.start()
        wait_until(lambda: len(server.queries()) >= 2, program)
        status, out, err = site.run()
        assert (3, "") == (status, out)
        assert "another update of addresses is at work; the next run will do" in err
        late = row_of("flow_definition", flow=90, flow_class="all", src_addr="10.9.9.9", dst_addr="10.1.0.1")
        write_file(site.folder / "spool", "flow_definition", [late], "20231114T230000Z")
        assert 1 == load_spool(site.folder / "spool", site.where).files
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=LIMIT_S)
    assert "1 new addresses" in site.run("--no-names")[1]


def test_nobody_answers(site):
    """One line on stderr; status 0: the addresses are there, the names come later."""
    site.load(*((f"10.9.{i}.1", f"10.9.{i}.2") for i in range(50)))
    site.configure('<names servers="127.0.0.1:9" timeout="100ms" rate="10000"/>')
    status, out, err = site.run()
    assert 0 == status
    assert "100 new addresses" in out
    assert "no answer from 127.0.0.1 port 9; the next run asks for the names that are left" in err
    assert any(s is None for s, _ in site.names().values())


def test_what_cannot_be_used(site):
    """Status 1: no database; 2: configuration or organisation, by line; broken geography is told, and the rest is done."""
    status, out, err = site.run()
    assert (1, "") == (status, out)
    assert 1 == err.count("\n")
    site.load(("10.1.0.1", "10.1.0.2"))
    site.configure('<organisation file="organisation.xml"/><geoip file="missing.mmdb"/>')
    status, out, err = site.run()
    assert 0 == status
    assert "missing.mmdb: cannot be used: No such file or directory" in err
    assert "2 new addresses" in out
    (site.folder / "organisation.xml").write_text(ORGANISATION.replace("10.1.0.0/24", "10.1.0.1/24"), encoding="utf-8")
    status, out, err = site.run()
    assert (2, "") == (status, out)
    assert "organisation.xml:2: " in err
    site.config.write_text("<trafmon/>", encoding="utf-8")
    status, out, err = site.run()
    assert (2, "") == (status, out)
    assert str(site.config) in err
    assert 2 == site.run("10.1.0.1")[0]


def test_check(tmp_path):
    """What a person asks before the file is used: is it right, and why does an address belong where it does."""
    path = tmp_path / "o.xml"
    path.write_text(ORGANISATION, encoding="utf-8")

    def check(*addresses):
        done = subprocess.run([sys.executable, SCRIPT, "--check", path, *addresses], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    assert (0, f"{path}: 1 networks, 1 hosts, 1 activities, 1 locations\n", "") == check()
    told = ("10.1.0.2: activity ADM, location Site 1, two; activity by 10.1.0.2 (line 2); location by 10.1.0.2 (line 2)\n"
            "8.8.8.8: activity Internet, location Internet\n")
    assert (0, told, "") == check("10.1.0.2", "8.8.8.8")
    status, out, err = check("8.8.8.8", "www.example")
    assert (2, "") == (status, out)
    assert "www.example is not an address" in err
    path.write_text(ORGANISATION.replace('name="Site 1"', ""), encoding="utf-8")
    status, out, err = check()
    assert (2, "") == (status, out)
    assert f"{path}:2: <location> lacks the attribute" in err


def wait_until(condition, program):
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert program.poll() is None, program.communicate()
        assert time.monotonic() < limit
        time.sleep(0.02)
