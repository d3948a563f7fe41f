"""docs/sizing.md: its costs stand in docs/benchmarks.md, and what follows from them has been calculated right."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "sizing.md").read_text(encoding="utf-8")
BENCHMARKS = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
NUMBER = r"\d[\d,]*(?:\.\d+)?"


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    [section] = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def number(text: str) -> float:
    return float(re.search(NUMBER, text)[0].replace(",", ""))


def cost(start: str) -> float:
    """The last number of a cost: that of most connections."""
    cell, *_ = [cells[1] for cells in rows("What things cost") if cells[0].startswith(start)]
    return number(re.findall(NUMBER, cell)[-1])


@pytest.mark.parametrize("cells", rows("What things cost"), ids=lambda cells: cells[0])
def test_costs_were_measured(cells: list[str]):
    """Every figure stands in the benchmarks, as a number of its own."""
    for figure in re.findall(NUMBER, cells[1]):
        assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d.]|,\d)", BENCHMARKS), figure


@pytest.mark.parametrize("cells", rows("The probe's processors"), ids=lambda cells: cells[0])
def test_processors(cells: list[str]):
    """Packets a second times ns, at 500 octets a packet."""
    link, packets, father, counters, everything = cells
    bits = number(link) * (1e9 if "Gbit" in link else 1e6)
    assert bits / 8 / 500 == number(packets)
    each = cost("father, as fast") if number(packets) >= 250_000 else cost("father, capturing")
    for shown, ns in ((father, each), (counters, cost("child, five")), (everything, cost("child, all"))):
        digits = len(re.search(NUMBER, shown)[0].partition(".")[2])
        assert number(shown) == pytest.approx(number(packets) * ns / 1e7, abs=0.51 * 10 ** -digits)


def test_line():
    """Octets of a row times rows a second."""
    shown = [(number(cells[2]), number(cells[3])) for cells in rows("The way to the collector")]
    assert [octets for octets, _ in shown] == [round(octets) for octets in (
        1_000 / 60 * cost("sent, `ip_c"), 10_000 / 60 * (cost("sent, `ip_c") + cost("sent, `tcp_cou")),
        100 * (cost("sent, `flow") + cost("sent, `tcp_con")), 1_000 * cost("sent, one"), 10_000 * cost("sent, one"))]
    for octets, kilobits in shown:
        assert kilobits == pytest.approx(octets * 8 / 1000, abs=0.051)


def test_collector():
    """The sentence on collector and database."""
    rows_a_second = 100 * 10_000 * 2 / 60
    assert f"{rows_a_second:,.0f} rows a second" in PAGE
    assert f"{100 * rows_a_second / cost('collector, rows'):.1f} % of a CPU" in PAGE
    observations = 3 * 100_000 / cost("collector, one-way")
    assert f"three hops take {100 * observations:.1f} %" in PAGE.replace("\n", " ")
    for figure in ("667 MB", "5,188 MB"):
        assert figure in PAGE
        assert figure in BENCHMARKS
