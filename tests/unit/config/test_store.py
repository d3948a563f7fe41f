"""<store>: every attribute, and what is wrong in it."""

import pytest

from tests.unit.config.documents import spoiled, write
from tmon_common.config.problems import ConfigurationError
from tmon_common.config.read import read
from tmon_common.config.store_model import DAY_NS, Names, Retention, Server, Store

PLAIN = '  <store database="trafmon.duckdb"/>\n'


def stored(folder, element):
    """What a configuration with that element says of the store."""
    text, _ = spoiled(PLAIN, element)
    return read(write(folder, text)).store


def test_a_server_and_all_that_is_known_beside_it(tmp_path):
    """Every attribute arrives; paths start at the directory of the file."""
    assert stored(tmp_path, """  <store backend="mysql" database="trafMon_east">
    <server host="db.example.org" port="3307" socket="run/s.sock" option_file="secret.cnf" group="loader"/>
    <archive directory="archive" keep="400d"/>
    <retention kind="ip_counters" granularity="1min" keep="35d"/>
    <retention keep="1000d"/>
    <organisation file="organisation.xml"/>
    <geoip file="city.mmdb"/>
    <geoip file="/asn.mmdb"/>
    <names servers="192.0.2.1 192.0.2.2:5353 [2001:db8::1]:54 2001:db8::2" rate="10" parallel="3" timeout="1s" refresh="7d"/>
    <volumes flow_class="web"/>
  </store>
""") == Store(
        "mysql", "trafMon_east",
        Server("db.example.org", 3307, tmp_path / "run" / "s.sock", tmp_path / "secret.cnf", "loader"),
        tmp_path / "archive", 400 * DAY_NS, (Retention("ip_counters", "1min", 35 * DAY_NS), Retention("", "", 1000 * DAY_NS)),
        tmp_path / "organisation.xml", (tmp_path / "city.mmdb", type(tmp_path)("/asn.mmdb")),
        Names((("192.0.2.1", 53), ("192.0.2.2", 5353), ("2001:db8::1", 54), ("2001:db8::2", 53)), 10, 3, 10**9, 7 * DAY_NS),
        ("web",))


def test_what_a_server_is_without_more_words(tmp_path):
    """Database trafMon, on this host, with the account of ~/.my.cnf; nobody asks the DNS."""
    assert stored(tmp_path, '  <store backend="mysql"/>\n') == Store("mysql", "trafMon", Server())


@pytest.mark.parametrize(("element", "message"), [
    ('<store backend="mysql" database="sales"/>', "begins with trafMon"),
    ('<store backend="mysql" database="trafMon`; DROP"/>', "letters, digits and _"),
    ('<store backend="mysql" database="trafMon_template"/>', "taken"),
    ('<store><server/></store>', 'backend="mysql" only'),
    ('<store><retention keep="1h"/></store>', "expected 1d to"),
    ('<store><names servers="ns.example.org"/></store>', "expected an address"),
    ('<store><names rate="0"/></store>', "expected 1 to"),
    ('<store><volumes flow_class="nobody"/></store>', "no such flow class"),
    ('<store><volumes flow_class="web"/><volumes flow_class="web"/></store>', "second <volumes>"),
    ('<store backend="mysql"><server group="a b"/></store>', "name of a section"),
])
def test_what_is_wrong_is_told(tmp_path, element, message):
    """One problem, one line, with its reason."""
    with pytest.raises(ConfigurationError) as caught:
        stored(tmp_path, f"  {element}\n")
    assert message in str(caught.value)
    assert str(caught.value).count("\n") == 0
