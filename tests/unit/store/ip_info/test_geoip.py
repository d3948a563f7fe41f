"""Files of geography, whole and broken."""

import os

import pytest

from tests.mmdb import write_mmdb
from tmon_store.ip_info.geoip import Geography, GeoIP

CITY = {"country": {"iso_code": "BE", "names": {"en": "Belgium"}}, "city": {"names": {"en": "Liège", "nl": "Luik"}}}
NETWORKS = {"198.51.100.0/24": CITY, "203.0.113.7/32": {"registered_country": {"iso_code": "LU"}},
            "2001:db8::/32": {"country": {"iso_code": "NL"}, "city": {"names": {"nl": "Utrecht"}}}}
SYSTEMS = {"198.51.100.128/25": {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net " * 30},
           "2001:db8:1::/48": {"autonomous_system_number": 4_200_000_000}}


@pytest.fixture
def files(tmp_path):
    return write_mmdb(tmp_path / "city.mmdb", NETWORKS), write_mmdb(tmp_path / "asn.mmdb", SYSTEMS, "Test-ASN")


@pytest.mark.parametrize(("address", "expected"), [
    ("198.51.100.1", Geography("BE", "Liège", None, None)),
    ("198.51.100.200", Geography("BE", "Liège", 64500, ("Example Net " * 30)[:190])),
    ("203.0.113.7", Geography("LU", None, None, None)),
    ("203.0.113.8", Geography()),
    ("2001:db8::1", Geography("NL", None, None, None)),
    ("2001:db8:1::1", Geography("NL", None, 4_200_000_000, None)),
    ("10.0.0.1", Geography()),
    ("nonsense", Geography()),
])
def test_several_files_say_one_thing(files, address, expected):
    """Country and city of one file, the system of another; names in English; texts have a limit."""
    geoip = GeoIP(files)
    assert expected == geoip.find(address)
    assert geoip.complete


def test_the_first_file_wins(tmp_path):
    """Of two that say the same thing."""
    first = write_mmdb(tmp_path / "a.mmdb", {"198.51.100.0/24": {"country": {"iso_code": "FR"}}})
    second = write_mmdb(tmp_path / "b.mmdb", NETWORKS)
    assert GeoIP([first, second]).find("198.51.100.1") == Geography("FR", "Liège", None, None)


def test_strange_records(tmp_path):
    """What is not of the type it should be counts as not known."""
    odd = {"198.51.100.1/32": {"country": "BE", "city": {"names": ["x"]}, "autonomous_system_number": "1"},
           "198.51.100.2/32": {"country": {"iso_code": 7}, "autonomous_system_number": 1 << 40}}
    geoip = GeoIP([write_mmdb(tmp_path / "odd.mmdb", odd)])
    assert [Geography(), Geography()] == [geoip.find("198.51.100.1"), geoip.find("198.51.100.2")]


def test_missing_and_broken_files_are_told_and_the_rest_goes_on(tmp_path, files):
    """One line for each, with its path."""
    missing, empty, text = tmp_path / "missing.mmdb", tmp_path / "empty.mmdb", tmp_path / "text.mmdb"
    empty.write_bytes(b"")
    text.write_text("not a database\n" * 100)
    geoip = GeoIP([missing, empty, text, tmp_path, *files])
    assert [str(p) for p in (missing, empty, text, tmp_path)] == [w.split(":")[0] for w in geoip.warnings]
    assert not geoip.complete
    assert geoip.find("198.51.100.200").asn == 64500


def test_a_file_that_turns_out_to_be_broken(tmp_path, files):
    """A file whose data are damaged behind a sound beginning and end is told once, and not asked again."""
    good = write_mmdb(tmp_path / "good.mmdb", {f"198.51.{i}.0/24": CITY for i in range(3)}).read_bytes()
    at = good.index(b"iso_code")
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(good[:at - 20] + b"\xff" * 60 + good[at + 40:])
    geoip = GeoIP([broken, *files])
    assert [geoip.find(f"198.51.{i}.9").country for i in (0, 1, 0, 100)] == [None, None, None, "BE"]
    assert [str(broken)] == [w.split(":")[0] for w in geoip.warnings]


def test_versions_of_files_have_different_digests(tmp_path, files):
    """So that rows are described again after an update, and only then; a file that cannot be used is a version, too."""
    before = GeoIP(files).digest
    assert before == GeoIP(files).digest
    assert 4 == len({before, GeoIP(files[:1]).digest, GeoIP([tmp_path / "missing.mmdb", *files]).digest, GeoIP([]).digest})
    os.utime(files[0], ns=(1, 1))
    assert before != GeoIP(files).digest
