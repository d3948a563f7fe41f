"""Places of addresses against Python's ipaddress, prefix by prefix; files of an organisation against chance."""

import csv
import io
import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from tmon_common.config.problems import ConfigurationError
from tmon_store.organisation import INTERNET, UNKNOWN, Declaration, Organisation, read_organisation

LABELS = ["", "A", "B", "C"]


@st.composite
def prefixes(draw):
    """Few bits that matter, so that prefixes nest and meet; at the ends of the numbers, too."""
    if draw(st.booleans()):
        bits = draw(st.integers(0, 32))
        address = draw(st.sampled_from([0, 10 << 24, 0xFFFFFFFF])) ^ draw(st.integers(0, 7)) << draw(st.integers(0, 24))
        return ipaddress.IPv4Network((address & (0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF, bits))
    bits = draw(st.integers(0, 128))
    ones = (1 << 128) - 1
    first = draw(st.sampled_from([0, 0xFFFF << 32, 0x20010DB8 << 96, ones]))
    address = first ^ draw(st.integers(0, 7)) << draw(st.integers(0, 120))
    return ipaddress.IPv6Network((address & (ones << (128 - bits)) & ones, bits))


declared = st.dictionaries(prefixes(), st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), max_size=12)


def slow_place(networks, address):
    """The longest prefix for each of the two, looked for one by one."""
    if getattr(address, "ipv4_mapped", None):
        address = address.ipv4_mapped
    around = [n for n in networks if n.version == address.version and address in n]
    if not around:
        return None
    around.sort(key=lambda n: -n.prefixlen)
    return tuple(next((networks[n][i] for n in around if networks[n][i]), UNKNOWN) for i in (0, 1))


def is_apart(network):
    """IPv6 prefixes inside ::ffff:0:0/96 are IPv4 ones written differently: not what this is about."""
    return network.version == 4 or not (network.prefixlen >= 96 and network.subnet_of(ipaddress.ip_network("::ffff:0:0/96")))


@given(declared, st.lists(st.integers(0, (1 << 128) - 1)), st.data())
def test_longest_prefixes(networks, others, data):
    """Whatever nests in whatever, at the edges of every prefix and elsewhere."""
    networks = {n: labels for n, labels in networks.items() if is_apart(n)}
    organisation = Organisation([Declaration(str(n) if n.prefixlen < n.max_prefixlen or data.draw(st.booleans())
                                             else str(n.network_address), *labels) for n, labels in networks.items()])
    edges = [a for n in networks for a in (n[0], n[-1], type(n[0])(max(int(n[0]) - 1, 0)),
                                           type(n[0])(min(int(n[-1]) + 1, (1 << n.max_prefixlen) - 1)))]
    addresses = [*edges, *map(ipaddress.IPv6Address, others), *(ipaddress.IPv4Address(o & 0xFFFFFFFF) for o in others)]
    for address, place in zip(addresses, organisation.places([str(a) for a in addresses]), strict=True):
        expected = slow_place(networks, address)
        if expected is None:
            assert not place.own
            assert place.activity == place.location
            assert place.activity in (INTERNET, UNKNOWN)
        else:
            assert (*expected, True) == (place.activity, place.location, place.own)


@given(st.lists(st.lists(st.text(max_size=8), max_size=5), max_size=6), st.booleans())
def test_any_table_gives_places_or_lines(tmp_path_factory, table, with_header):
    """Nothing but ConfigurationError comes out of a table, whatever is in it."""
    text = io.StringIO()
    csv.writer(text).writerows([*([["prefix", "activity", "location"]] if with_header else []), *table])
    path = tmp_path_factory.mktemp("any") / "o.csv"
    path.write_text(text.getvalue(), encoding="utf-8", errors="replace", newline="")
    lines = text.getvalue().count("\n") + text.getvalue().count("\r") + 1
    try:
        told = [d.line for d in read_organisation(path).declarations]
    except ConfigurationError as error:
        told = [p.line for p in error.problems]
    assert told
    assert all(0 <= line <= lines for line in told)


def test_every_address_of_a_small_world():
    """All 256 addresses of a /24 with every prefix in it declared."""
    base = ipaddress.ip_network("198.51.100.0/24")
    networks = {n: (f"a{n}", f"l{n}") for bits in range(24, 33) for n in base.subnets(new_prefix=bits)}
    declarations = [Declaration(str(n), *labels) for n, labels in networks.items()]
    assert 511 == len(declarations)
    places = Organisation(declarations).places([str(a) for a in base])
    assert [(f"a{a}/32", f"l{a}/32") for a in base] == [(p.activity, p.location) for p in places]
    halves = Organisation(declarations[:3]).places([str(a) for a in base])
    assert ["a198.51.100.0/25"] * 128 + ["a198.51.100.128/25"] * 128 == [p.activity for p in halves]
