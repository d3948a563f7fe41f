"""dns_transaction rows of the recorded demo traffic, beside what the clients and the link emulator logged."""

import csv
import gzip
import json

import pytest

from tests.conftest import OWN_CAPTURES
from tests.pipeline_in_process import FIVE_TUPLE, frames_of, measure
from tmon_common.config.model import Analysis, Filter, FlowClass

DEMO = OWN_CAPTURES / "demo"
ENDS = ("west", "east")
TRANSIT_SLACK_NS = 1_000_000
"""The emulator delivers when it is scheduled, and the capture tells the time when the frame was delivered."""


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[tuple, dict]]:
    """By end of the link, then by client and its port."""
    flow_class = FlowClass("dns", Filter(), (FIVE_TUPLE,), (Analysis("dns_transaction", options=(("timeout", "2s"),)),))
    found = {end: measure(DEMO / f"{end}.pcap", (flow_class,)).records("dns_transaction") for end in ENDS}
    assert all(len(of_end) == len({(r["client_addr"], r["client_port"]) for r in of_end}) for of_end in found.values())
    return {end: {(str(r["client_addr"]), r["client_port"]): r for r in of_end} for end, of_end in found.items()}


def asked() -> list[dict]:
    """Queries over UDP to port 53, those among them that were repeated over TCP because the response was truncated."""
    operations = json.loads((DEMO / "truth.json").read_text())["operations"]
    return [o for o in operations if o["kind"] == "dns" and o["dst_port"] == 53
            and (o.get("transport") != "tcp" or o.get("truncated_first"))]


@pytest.mark.parametrize("end", ENDS)
def test_every_query_of_the_clients(rows, end):
    """One row each, with name, type, server, id, outcome and size of the response as dig printed them; no other rows."""
    assert {(o["src_addr"], o["src_port"]) for o in asked()} == set(rows[end])
    for o in asked():
        row = rows[end][o["src_addr"], o["src_port"]]
        assert (o["name"], o["record"], o["dst_addr"]) == (row["query_name"], row["query_type"], str(row["server_addr"]))
        assert o["start_ns"] <= row["time"] <= o["end_ns"]
        assert o.get("rcode") == row["rcode"]
        assert (o["result"] == "no_answer") == (row["latency"] is None)
        if o.get("truncated_first"):
            assert 1 == row["truncated"]
        elif row["latency"] is not None:
            assert (o["id"], o["octets"], 0) == (row["id"], row["response_octets"], row["truncated"])


def transits(end: str) -> dict[int, int]:
    """Packet time at `end` -> how long that frame was on the link, of frames that both ends saw once."""
    times = {f.number: f.time_ns for f in frames_of(DEMO / f"{end}.pcap")}
    with gzip.open(DEMO / "frames.csv.gz", "rt", newline="") as file:
        return {times[int(f[f"{end}_frame"])]: int(f["delivered_ns"]) - int(f["arrival_ns"]) for f in csv.DictReader(file)
                if f[f"{end}_frame"] and f["delivered_ns"] and f["fate"] == "forwarded"}


def test_the_link_is_the_difference(rows):
    """What the response took longer at the client's end than at the server's is what the emulator held back query and response."""
    on_link = transits("west")
    compared = 0
    for key, west in rows["west"].items():
        if west["latency"] is None:
            continue
        east = rows["east"][key]
        expected = on_link[west["time"]] + on_link[west["time"] + west["latency"]]
        assert abs(west["latency"] - east["latency"] - expected) < TRANSIT_SLACK_NS
        assert expected >= 20_000_000
        compared += 1
    assert 9 == compared
