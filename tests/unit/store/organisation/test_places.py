"""Where addresses belong."""

from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from tmon_common.config.grammar import grammar
from tmon_store.organisation import INTERNET, UNKNOWN, Declaration, Organisation, read_organisation
from tmon_store.organisation.prefix_map import NONE, PrefixMap, pack_texts

SAMPLE = Path(__file__).parents[4] / "etc" / "xml" / "organisation.xml"
OWN = [
    Declaration("10.1.0.0/16", "ADM", "Site 1"), Declaration("10.1.128.0/17", "", "Site 2"), Declaration("10.1.200.0/24", "ENG"),
    Declaration("10.1.0.7", "PROD", "", "printer"), Declaration("2001:db8::/32", "ADM", "Site 1"),
    Declaration("2001:db8:8000::/33", "ENG", "DMZ"), Declaration("198.51.100.9", "ADM", "DMZ", "mail"),
]


@pytest.mark.parametrize(("address", "activity", "location", "name"), [
    ("10.1.0.1", "ADM", "Site 1", ""),
    ("10.1.0.7", "PROD", "Site 1", "printer"),
    ("::ffff:10.1.0.7", "PROD", "Site 1", "printer"),
    ("10.1.127.255", "ADM", "Site 1", ""),
    ("10.1.128.0", "ADM", "Site 2", ""),
    ("10.1.200.0", "ENG", "Site 2", ""),
    ("10.1.200.255", "ENG", "Site 2", ""),
    ("10.1.201.0", "ADM", "Site 2", ""),
    ("10.1.255.255", "ADM", "Site 2", ""),
    ("2001:db8::", "ADM", "Site 1", ""),
    ("2001:DB8:7fff:ffff:ffff:ffff:ffff:ffff", "ADM", "Site 1", ""),
    ("2001:db8:8000::", "ENG", "DMZ", ""),
    ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "ENG", "DMZ", ""),
    ("198.51.100.9", "ADM", "DMZ", "mail"),
])
def test_own_addresses(address, activity, location, name):
    """The longest prefix that says an activity, the longest that says a location, and hosts before all."""
    [place] = Organisation(OWN).places([address])
    assert (activity, location, name, True) == (place.activity, place.location, place.name, place.own)


@pytest.mark.parametrize(("address", "where"), [
    ("198.51.100.8", INTERNET), ("8.8.8.8", INTERNET), ("11.0.0.0", INTERNET), ("223.255.255.255", INTERNET),
    ("2001:db9::", INTERNET), ("2a00::1", INTERNET),
    ("172.15.255.255", INTERNET), ("172.32.0.0", INTERNET), ("169.253.255.255", INTERNET),
    ("10.2.0.0", UNKNOWN), ("192.168.1.1", UNKNOWN), ("172.16.0.0", UNKNOWN), ("172.31.255.255", UNKNOWN), ("100.64.0.1", UNKNOWN),
    ("169.254.1.1", UNKNOWN), ("127.0.0.1", UNKNOWN), ("0.0.0.0", UNKNOWN), ("224.0.0.1", UNKNOWN), ("255.255.255.255", UNKNOWN),
    ("fe80::1", UNKNOWN), ("fd00::1", UNKNOWN), ("ff02::1", UNKNOWN), ("::1", UNKNOWN), ("::", UNKNOWN),
    ("not an address", UNKNOWN), ("", UNKNOWN), ("10.1.0.1/16", UNKNOWN), ("fe80::1%eth0", UNKNOWN),
])
def test_others(address, where):
    """The Internet, or unknown where an address is none of the Internet's."""
    for organisation in (Organisation(OWN), Organisation()):
        [place] = organisation.places([address])
        assert (where, where, False, "") == (place.activity, place.location, place.own, place.name)


def test_defaults():
    """They count for own addresses only."""
    organisation = Organisation([Declaration("10.1.0.0/16", location="Site 1"), Declaration("10.2.0.0/16", activity="ENG")],
                                "general", "elsewhere")
    assert [("general", "Site 1"), ("ENG", "elsewhere"), (UNKNOWN, UNKNOWN), (INTERNET, INTERNET)] == [
        (p.activity, p.location) for p in organisation.places(["10.1.0.1", "10.2.0.1", "10.3.0.1", "8.8.8.8"])]


def test_what_decided_can_be_told():
    """The declarations, for people who ask why."""
    [place] = Organisation(OWN).places(["10.1.200.7"])
    assert ("10.1.200.0/24", "10.1.128.0/17") == (place.by_activity.prefix, place.by_location.prefix)


def test_all_of_ipv4_is_not_ipv6():
    """A prefix of IPv6 does not hold the IPv4 addresses that are numbered within it, nor the other way round."""
    everything = PrefixMap((low, high, 0) for low, high in Declaration("::/0").ranges)
    old = PrefixMap((low, high, 0) for low, high in Declaration("0.0.0.0/0").ranges)
    packed, _ = pack_texts(["::", "0.0.0.0", "255.255.255.255", "::fffe:ffff:ffff", "::1:0:0:0", "ffff::"])
    assert [0, NONE, NONE, 0, 0, 0] == everything.find(packed).tolist()
    assert [NONE, 0, 0, NONE, NONE, NONE] == old.find(packed).tolist()


def test_shapes():
    """Any shape in, the same out; none in, none out."""
    packed, valid = pack_texts(["10.0.0.1", "x", "::", "11.0.0.1"])
    assert [True, False, True, True] == valid.tolist()
    found = PrefixMap([(0xFFFF0A000000, 0xFFFF0AFFFFFF, 5)]).find(packed.reshape(2, 2))
    assert np.array_equal([[5, NONE], [NONE, NONE]], found)
    assert found.dtype == np.int32
    assert [] == PrefixMap([]).find(packed[:0]).tolist() == Organisation().places([])


def test_the_sample():
    """etc/xml/organisation.xml is valid, for other tools, too, and puts its addresses where its comments say."""
    assert grammar("organisation.dtd").dtd.validate(etree.parse(SAMPLE))
    organisation = read_organisation(SAMPLE)
    expected = {"10.1.0.80": ("ENG", "Site 1 internal", "build.example"), "10.1.0.81": ("ADM", "Site 1 internal", ""),
                "198.51.100.25": ("ADM", "Site 1 DMZ", "mail.example"), "198.51.100.26": ("PROD", "Site 1 DMZ", ""),
                "10.2.1.1": ("ADM", "Site 2 internal", ""), "10.2.64.1": ("ENG", "Site 2 internal", ""),
                "10.2.128.1": ("PROD", "Site 2 internal", ""), "198.51.100.130": ("ENG", "Site 2 DMZ", ""),
                "198.51.100.161": ("PROD", "Site 2 DMZ", ""), "2001:db8:1:1001::1": ("ENG", "Site 1 internal", "")}
    assert expected == {a: (p.activity, p.location, p.name)
                        for a, p in zip(expected, organisation.places(list(expected)), strict=True)}
