"""Files of an organisation, good and bad; every problem with its line."""

import re
from pathlib import Path

import pytest

from tmon_common.config.problems import ConfigurationError
from tmon_store.organisation import Declaration, read_organisation
from tmon_store.organisation.read_csv import MAX_OCTETS

XML = """<!DOCTYPE organisation SYSTEM "organisation.dtd">
<organisation name="Example">
  <location name="Site 1">
    <activity name="ADM">
      <network prefix="10.1.0.0/16" name="ground floor"/>
      <host address="10.1.0.7" name="printer"/>
    </activity>
  </location>
  <activity name="ENG">
    <location name="Site 2"><network prefix="2001:db8::/32"/></location>
    <network prefix="10.1.3.0/24"/>
  </activity>
</organisation>
"""
CSV = """\ufeff# from the address manager
Prefix,Activity,Location,Name

10.1.0.0/16,ADM,Site 1,"ground floor"
10.1.0.7,ADM,Site 1,printer
2001:db8::/32 , ENG , Site 2,
10.1.3.0/24,ENG,,
"""
DECLARED = [("10.1.0.0/16", "ADM", "Site 1", "ground floor"), ("10.1.0.7", "ADM", "Site 1", "printer"),
            ("2001:db8::/32", "ENG", "Site 2", ""), ("10.1.3.0/24", "ENG", "", "")]


def read(tmp_path, text, name="o.xml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_organisation(path)


def problems(tmp_path, text, name="o.xml"):
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, text, name)
    assert {tmp_path / name} == {p.file for p in error.value.problems}
    return [(p.line, p.message) for p in error.value.problems]


def fields(declarations: tuple[Declaration, ...]):
    return [(d.prefix, d.activity, d.location, d.name) for d in declarations]


def test_xml(tmp_path):
    """Activities in locations, locations in activities, networks in either alone; each with its line."""
    organisation = read(tmp_path, XML)
    assert DECLARED == fields(organisation.declarations)
    assert [5, 6, 10, 11] == [d.line for d in organisation.declarations]


@pytest.mark.parametrize("text", [CSV, CSV.replace(",", ";"), CSV.replace("\n", "\r\n")])
def test_csv(tmp_path, text):
    """The same as a table; with semicolons and with other ends of lines, too."""
    organisation = read(tmp_path, text, "o.CSV")
    assert DECLARED == fields(organisation.declarations)
    assert [4, 5, 6, 7] == [d.line for d in organisation.declarations]


def test_columns_in_any_order(tmp_path):
    """And without names."""
    organisation = read(tmp_path, "location,prefix,activity\nSite 1,10.0.0.0/8,ADM\n", "o.csv")
    assert [("10.0.0.0/8", "ADM", "Site 1", "")] == fields(organisation.declarations)


def test_a_long_value_over_two_lines(tmp_path):
    """Quoted, as spreadsheets write it: it is refused, and lines are counted on."""
    text = 'prefix,activity,location\n10.0.0.0/8,"A\nB",S\n11.0.0.0/8,A,S\nx,A,S\n'
    assert [2, 5] == [line for line, _ in problems(tmp_path, text, "o.csv")]


def xml(body, attributes=""):
    return f"<organisation{attributes}>\n{body}\n</organisation>"


def network(prefix):
    return xml(f'<location name="S"><activity name="A">\n<network prefix="{prefix}"/>\n</activity></location>')


BAD_XML = {
    "not closed": ("<organisation>\n<location>", 2, "not well-formed"),
    "another root": ("<trafmon/>", 1, "<trafmon> found; expected <organisation>"),
    "empty": ("", 0, "is empty; expected <organisation>"),
    "nothing in it": (xml(""), 1, "is empty; expected (location|activity|network|host)+"),
    "unknown element": (xml('<site name="S"/>'), 2, "unknown element <site>"),
    "no name": (xml('<location><activity name="A"><network prefix="10.0.0.0/8"/></activity></location>'), 2,
                '<location> lacks the attribute "name"'),
    "host bits": (network("10.1.2.3/8"), 3, "10.1.2.3/8 has bits set beyond its length; expected 10.0.0.0/8"),
    "a host as a network": (network("10.1.2.3"), 3, "expected a prefix such as"),
    "no address": (network("10.1.2.300/32"), 3, "10.1.2.300 is not an address"),
    "a range": (network("10.0.0.1-10.0.0.9"), 3, "expected a prefix"),
    "too long": (network("10.0.0.0/33"), 3, "expected a length of 0 to 32"),
    "a network as a host": (xml('<location name="S"><activity name="A"><host address="10.0.0.0/8"/></activity></location>'), 2,
                            "expected one address"),
    "a range as a host": (xml('<location name="S"><activity name="A"><host address="10.0.0.1-10.0.0.3"/></activity></location>'), 2,
                          "neither a prefix nor an address"),
    "no activity": (xml('<location name="S">\n<network prefix="10.0.0.0/8"/></location>'), 3,
                    "10.0.0.0/8: 10.0.0.0 to 10.255.255.255 has no activity"),
    "no location": (xml('<activity name="A">\n<host address="10.0.0.7"/></activity>'), 3, "10.0.0.7: 10.0.0.7 has no location"),
    "a part without activity": (
        xml('<location name="S">\n<network prefix="10.0.0.0/8"/></location>'
            '<activity name="A"><network prefix="10.0.0.0/9"/></activity>'),
        3, "10.0.0.0/8: 10.128.0.0 to 10.255.255.255 has no activity"),
    "two locations": (xml('<location name="S">\n<activity name="A"><location name="T"><network prefix="10.0.0.0/8"/></location>'
                          "</activity></location>"), 3, '<location name="T"> stands inside <location name="S">'),
    "twice": (xml('<location name="S"><activity name="A"><network prefix="10.0.0.0/8"/>\n<network prefix="10.0.0.0/8"/></activity>'
                  "</location>"), 3, "10.0.0.0/8 has got its activity in line 2 already, A"),
    "twice, as a host": (xml('<location name="S"><activity name="A"><network prefix="10.0.0.1/32"/>\n<host address="10.0.0.1"/>'
                             "</activity></location>"), 3, "10.0.0.1 has got its location in line 2 already, S"),
    "named twice": (xml('<host address="10.0.0.1" name="a"/>\n<host address="::ffff:10.0.0.1" name="b"/>',
                        ' activity="A" location="S"'), 3, "has got its name in line 2 already, a"),
    "misspelt": (xml('<location name="S"><activity name="Adm"><network prefix="10.0.0.0/8"/></activity>\n<activity name="ADM">'
                     '<network prefix="10.0.0.0/9"/></activity></location>'), 3, 'activity "ADM" is written "Adm" in line 2'),
    "Internet": (xml('<location name="internet"><activity name="A"><network prefix="10.0.0.0/8"/></activity></location>'), 2,
                 "expected another name: Internet and unknown stand for"),
    "unknown": (xml('<location name="S"><activity name="Unknown"><network prefix="10.0.0.0/8"/></activity></location>'), 2,
                "expected another name"),
    "no printable name": (xml('<location name="&#9;"><activity name="A"><network prefix="10.0.0.0/8"/></activity></location>'), 2,
                          "expected a name of 1 to 100 printable characters"),
    "declarations": ('<!DOCTYPE organisation [<!ENTITY a "b">]>\n<organisation/>', 1,
                     'expected only <!DOCTYPE organisation SYSTEM "organisation.dtd">'),
}


@pytest.mark.parametrize(("text", "line", "message"), BAD_XML.values(), ids=BAD_XML.keys())
def test_bad_xml(tmp_path, text, line, message):
    """The line and what was expected."""
    found = problems(tmp_path, text)
    assert any(line == at and message in told for at, told in found), found


BAD_CSV = {
    "empty": ("", 0, "the header lacks prefix, activity, location"),
    "no header": ("10.0.0.0/8,A,S\n", 1, 'unknown column "10.0.0.0/8"'),
    "header only": ("prefix,activity,location\n", 0, "declares no network and no host"),
    "a column too much": ("prefix,activity,location,sitee\n", 1, 'unknown column "sitee"'),
    "a column twice": ("prefix,activity,location,activity\n", 1, 'column "activity" comes twice'),
    "a field too much": ("prefix,activity,location\n10.0.0.0/8,A,S,x\n", 2, "4 fields; expected 3"),
    "no prefix": ("prefix,activity,location\n,A,S\n", 2, "prefix ''"),
    "bad prefix": ("prefix,activity,location\n#\n10.0.0.1/8,A,S\n", 3, "prefix '10.0.0.1/8': 10.0.0.1/8 has bits set"),
    "no activity": ("prefix,activity,location\n10.0.0.0/8,,S\n", 2, "has no activity"),
    "neither": ("prefix,activity,location,name\n10.0.0.1,,,x\n", 2, "has no location"),
    "twice": ("prefix,activity,location\n10.0.0.0/8,A,S\n\n10.0.0.0/8,B,S\n", 4, "has got its activity in line 2 already, A"),
    "open quote": ('prefix,activity,location\n10.0.0.0/8,A,S\n11.0.0.0/8,"A,S\n', 3, "not a row of CSV"),
    "not UTF-8": (b"prefix,activity,location\n10.0.0.0/8,A,S\n11.0.0.0/8,B\xfcro,S\n", 3, "is not UTF-8"),
}


@pytest.mark.parametrize(("text", "line", "message"), BAD_CSV.values(), ids=BAD_CSV.keys())
def test_bad_csv(tmp_path, text, line, message):
    """The line and what was expected."""
    found = problems(tmp_path, text, "o.csv")
    assert any(line == at and message in told for at, told in found), found


def test_all_problems_together(tmp_path):
    """One run of the check tells of all lines."""
    text = "prefix,activity,location\n1,A,S\n10.0.0.0/8,A,S\n2,A,S\n3,A,unknown\n"
    assert [2, 4, 5] == sorted({line for line, _ in problems(tmp_path, text, "o.csv")})


def test_a_host_may_have_a_name_only(tmp_path):
    """Where a larger network says the rest."""
    organisation = read(tmp_path, "prefix,activity,location,name\n10.0.0.0/8,A,S,\n10.0.0.7,,,seven\n", "o.csv")
    [place] = organisation.places(["10.0.0.7"])
    assert ("A", "S", "seven") == (place.activity, place.location, place.name)


def test_the_guide(tmp_path):
    """Every example of docs/organisation.md can be used as it is; that of the table says what its text says."""
    guide = Path(__file__).parents[4].joinpath("docs", "organisation.md").read_text(encoding="utf-8")
    examples = re.findall(r"```xml\n(.*?<organisation>.*?)```", guide, re.DOTALL)
    assert 2 == len(examples)
    first, second = (read(tmp_path, text) for text in examples)
    [table] = re.findall(r"```\n(prefix,.*?)```", guide, re.DOTALL)
    third = read(tmp_path, table, "o.csv")
    assert ["ENG", "build.example"] == [first.places(["10.1.0.80"])[0].activity, third.places(["10.1.0.80"])[0].name]
    assert [("ADM", "Site 2"), ("ENG", "Site 2")] == [(p.activity, p.location) for p in second.places(["10.2.0.1", "10.2.64.1"])]
    assert [("ADM", "Site 2")] == [(p.activity, p.location) for p in third.places(["10.2.0.1"])]


def test_files_that_are_not_there_or_too_large(tmp_path):
    """One line, and no memory."""
    for name in ("missing.xml", "missing.csv"):
        with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
            read_organisation(tmp_path / name)
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(MAX_OCTETS + 1)
    with pytest.raises(ConfigurationError, match="is larger than 64 MiB"):
        read_organisation(large)
