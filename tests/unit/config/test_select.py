"""Which probe or collector are we?"""

import socket
from pathlib import Path

import pytest

from tmon_common.config.locate import locate
from tmon_common.config.model import Collector, Configuration, Probe
from tmon_common.config.problems import ConfigurationError, SelectionError
from tmon_common.config.select import select_collector, select_probe
from tmon_common.config.this_machine import is_this_machine

HERE = socket.gethostname()


def configuration(*hosts: str) -> Configuration:
    """Probes and collectors n0, n1 ... on these hosts."""
    return Configuration(
        Path("tmon.xml"),
        tuple(Probe(f"n{i}", (), (), host) for i, host in enumerate(hosts)),
        tuple(Collector(f"n{i}", "0.0.0.0", 1, Path(), host) for i, host in enumerate(hosts)),
    )


@pytest.mark.parametrize("select", [select_probe, select_collector])
@pytest.mark.parametrize(
    ("hosts", "name", "expected"),
    [
        (("",), None, "n0"),
        (("elsewhere.example.org",), None, "n0"),
        (("", ""), "n1", "n1"),
        (("elsewhere.example.org", HERE), None, "n1"),
        (("127.0.0.1", "203.0.113.1"), None, "n0"),
        ((HERE, HERE), "n0", "n0"),
    ],
)
def test_selected(select, hosts, name, expected):
    """By name; else the only one; else the only one on this machine."""
    assert expected == select(configuration(*hosts), name).name


@pytest.mark.parametrize("select", [select_probe, select_collector])
@pytest.mark.parametrize(
    ("hosts", "name", "message"),
    [
        ((HERE, ""), "n2", 'there is no .* "n2"; expected one of: n0, n1'),
        (("", ""), None, "none of 2 .*as its host; expected a name: n0, n1"),
        ((HERE, "127.0.0.1", "elsewhere.example.org"), None, "2 .* are on this machine; expected a name: n0, n1$"),
    ],
)
def test_refused(select, hosts, name, message):
    """Otherwise the error lists the names."""
    with pytest.raises(SelectionError, match=message) as caught:
        select(configuration(*hosts), name)
    assert isinstance(caught.value, ConfigurationError)
    assert str(caught.value).startswith("tmon.xml: ")


@pytest.mark.parametrize(
    ("own", "host", "expected"),
    [
        ("a.example.org", "a.example.org", True),
        ("a.example.org", "A.Example.org.", True),
        ("a.example.org", "a", True),
        ("a", "a.example.org", True),
        ("a.example.org", "a.example.net", False),
        ("a", "b", False),
        ("a", "", False),
        ("a", "localhost", True),
        ("a", "127.0.0.1", True),
        ("a", "0.0.0.0", False),
        ("a", "203.0.113.1", False),
        ("a", "2001:db8::1", False),
    ],
)
def test_this_machine(monkeypatch, own, host, expected):
    """Names are compared, addresses tried; a short name is that of any domain."""
    monkeypatch.setattr(socket, "gethostname", lambda: own)
    assert expected == is_this_machine(host)


def test_locations():
    """Defaults of the command line, as in the original."""
    system = Path("/etc/trafMon/xml")
    assert (system / "tmon.xml", system / "tmon-new.xml") == (locate().current, locate().next)
    assert (Path("tmon.xml"), Path("tmon-new.xml")) == (locate(local=True).current, locate(local=True).next)
    other = locate(current=Path("/x/a.xml"))
    assert (Path("/x/a.xml"), Path("/x/tmon-new.xml")) == (other.current, other.next)
    assert Path("b.xml") == locate(next=Path("b.xml")).next
