"""docs/analyses.md and `trafmon analyses`."""

from argparse import Namespace

from tests.conftest import REPOSITORY
from tmon_common.analyses.built_in import ALL
from tmon_common.analyses.catalogue import catalogue
from tmon_common.analyses.document import analyses_page
from trafmon import analyses


def test_page_is_fresh():
    """It is what the declarations give now; if not: scripts/generate_docs."""
    assert analyses_page() == (REPOSITORY / "docs" / "analyses.md").read_text(encoding="utf-8")


def test_everything_is_there():
    """Each analysis with every option, its default, the kinds that it publishes."""
    page = analyses_page()
    for declared in ALL:
        section = page.split(f"\n## {declared.name}\n")[1].split("\n## ")[0]
        assert all(f"| `{o.name}` |" in section and f"`{o.default}`" in section for o in declared.options)
        assert all(f"(observations.md#{k.name})" in section for k in declared.kinds)


def test_the_grammar_names_them_all():
    """The comment of <analysis> in the DTD lists the built-in ones."""
    text = (REPOSITORY / "dtd" / "trafmon.dtd").read_text()
    assert [a.name for a in ALL if f" {a.name} " not in text] == []


def run(*names: str) -> int:
    return analyses.run(Namespace(names=list(names)))


def test_listed_and_described(capsys):
    """A line for each; of one, options and columns; of what there is not, status 2."""
    assert 0 == run()
    assert list(catalogue().analyses) == [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert 0 == run("dns_transaction")
    described = capsys.readouterr().out
    assert all(f"`{word}`" in described for word in ("max_queries", "64k", "query_name", "rcode"))
    assert 2 == run("nonsense")
    assert "there is no analysis nonsense" in capsys.readouterr().err
