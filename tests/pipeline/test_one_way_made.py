"""`trafmon one-way` on made networks: every packet, every counter is that of the truth."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.oracles.one_way_packets import Followed, difference, nanoseconds, read_packets
from tests.pipeline.one_way_run import counters, distributions, expected_counters, expected_distributions, one_way, rows
from tests.synthetic_one_way import Made, cases, simulate

OPTIONS = {"translated": ["--nat"], "cut_on_the_way": ["--per", "datagram"]}
AHEAD = ("translated",)
"""A clock is ahead of another by more than the way takes."""


@dataclass
class Measured:
    made: Made
    out: Path
    shown: str
    packets: list[Followed]

    def back(self, flow: tuple) -> bool:
        return flow[0] in {f.src for f in self.made.network.flows if f.back} | {"198.18.0.2"}


@pytest.fixture(scope="module", params=cases.ALL)
def measured(request, tmp_path_factory) -> Measured:
    directory = tmp_path_factory.mktemp(request.param)
    made = simulate(cases.ALL[request.param])
    paths, hops = made.write(directory)
    names = [word for hop in hops for word in ("--hop", hop)]
    result = one_way(*paths, *names, "--out", directory / "out", "--packets", directory / "packets.csv",
                     *OPTIONS.get(request.param, []))
    assert 0 == result.returncode, result.stderr
    told = [line for line in result.stderr.splitlines() if "datagrams_incomplete" not in line]
    assert len(told) == (request.param in AHEAD), result.stderr
    assert all("arrived before they had left" in line for line in told), result.stderr
    return Measured(made, directory / "out", result.stdout, read_packets(directory / "packets.csv"))


def test_every_packet(measured):
    """Flow, octets, times at each hop, delay, verdict, where it was lost."""
    assert ([], []) == difference(measured.made.packets, measured.packets)


def test_counters_of_every_flow(measured):
    """Verdicts, losses by place, reordering; copies in all."""
    assert expected_counters(measured.made.packets, measured.back) == counters(measured.out)
    told = Counter()
    for row in rows(measured.out, "one_way_counters"):
        told.update({name: int(row[name]) for name in ("duplicates", "duplicated")})
    assert (measured.made.copies, measured.made.duplicated) == (told["duplicates"], told["duplicated"])


def test_distributions(measured):
    """Population, sum and extremes of the delays of every flow, over the whole way and each part of it."""
    if measured.made.network.per == "datagram":
        pytest.skip("between which fragments is told by one_way_packet alone")
    names = [hop.name for hop in measured.made.network.hops]
    assert expected_distributions(measured.made.packets, names, measured.back) == distributions(measured.out)


def test_clocks(measured):
    """How far the clocks of two hops are really apart lies within the bounds of every interval."""
    ahead = {}
    for hop in measured.made.network.hops:
        for point in range(hop.points):
            ahead[f"{hop.name}{point + 1 if hop.points > 1 else ''}"] = hop.clock_ns
    told = rows(measured.out, "clock_offset")
    assert told
    for row in told:
        truth = ahead[row["to_probe"]] - ahead[row["from_probe"]]
        low, high = nanoseconds(row["offset_low"]), nanoseconds(row["offset_high"])
        assert low is None or low <= truth, row
        assert high is None or truth <= high, row
    assert any(r["offset_low"] and r["offset_high"] for r in told)
