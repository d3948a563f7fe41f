"""The block of a collector: its parts, whose it is, and which collectors run."""

import json
import os
import secrets
from dataclasses import replace

import pytest

from tmon_collector import health
from tmon_collector.health_names import COUNTED, KIND, ONE_WAY, OWN, PROBE, REASONS
from tmon_common.config.model import Collector, Configuration, FlowClass, OneWay, Probe, Publication
from tmon_common.stats import NAME_OCTETS, SEGMENTS, Statistics

HERE = Publication("central", "192.0.2.1", 7777)
CENTRAL = Collector("central", "", 0, None, host="north")


@pytest.fixture
def configuration(tmp_path):
    probes = (Probe("edge", (), (HERE,)), Probe("elsewhere", (), (replace(HERE, collector="other"),)), Probe("core", (), (HERE,)))
    classes = (FlowClass("all", (), (), ()), FlowClass("voice", (), (), (), OneWay(())))
    return Configuration(tmp_path / "tmon.xml", probes, (CENTRAL,), classes, digest="0123456789abcdef")


@pytest.fixture
def block(configuration):
    block = health.create(configuration, CENTRAL, 17, port=7777)
    yield block
    block.close()


def test_a_reader_sees_whose_it_is(block, configuration):
    """Without the configuration at hand; of the probes, those that send here."""
    reader = health.attach(configuration, "central")
    identity = reader.identity
    assert {"ip_counters", "event", "probe_clock", "one_way_counters"} <= set(identity.pop("kinds"))
    assert identity == {
        "collector": "central", "host": "north", "configuration": str(configuration.path), "version": "0123456789ab", "run": 17,
        "pid": os.getpid(), "port": 7777, "probes": ["edge", "core"], "one_way_classes": ["voice"], "reasons": list(REASONS)}
    reader.close()


def test_every_number_has_its_name(block, configuration):
    """Wherever it is written, a reader finds it."""
    block.part("own")[OWN.index("rows")] = 3
    block.part("rejected")[REASONS.index("corrupt")] = 4
    block.part("probe", 1)[PROBE.index("pdus")] = 5
    kind = block.identity["kinds"].index("udp_counters")
    block.part("kind", kind)[KIND.index("files")] = 6
    block.part("one_way", 0)[ONE_WAY.index("waiting")] = 7
    reader = health.attach(configuration, "central")
    assert {n: v for n, v in reader.snapshot().items() if v} == {
        "rows": 3, "rejected_corrupt_datagrams": 4, "probe_1_pdus": 5, f"kind_{kind}_files": 6, "one_way_0_waiting": 7}
    assert set(COUNTED) < set(reader.snapshot())
    reader.close()


def test_the_largest_names_fit():
    """Names that a configuration gives are not part of them."""
    assert max(len(name) for what in (PROBE, KIND, ONE_WAY) for name in what) + len("one_way_999999_") <= NAME_OCTETS
    assert max(len(f"rejected_{reason}_datagrams") for reason in REASONS) <= NAME_OCTETS


def found(configuration):
    readers, _ = health.running()
    names = [r.identity["collector"] for r in readers if r.identity["configuration"] == str(configuration.path)]
    for reader in readers:
        reader.close()
    return names


def test_running(configuration):
    """Those that live, by name; one that has ended in order leaves nothing."""
    other = replace(CENTRAL, name="a second")
    two = replace(configuration, collectors=(CENTRAL, other))
    blocks = [health.create(two, c) for c in two.collectors]
    assert ["a second", "central"] == found(two)
    for block in blocks:
        block.close()
    assert [] == found(two)
    with pytest.raises(FileNotFoundError):
        health.attach(two, "central")


def test_one_collector_of_a_name_and_file(block, configuration):
    with pytest.raises(FileExistsError, match=r"central of .*tmon.xml runs already, .* remove /dev/shm/trafmon-collector-"):
        health.create(configuration, CENTRAL)


@pytest.mark.parametrize("text", [
    "", "no JSON", "[" * 5000, "[]", json.dumps({"probes": {"a": 1}, "kinds": [1, None], "run": 1e99}),
    json.dumps({"run": True, "pid": 1 << 70, "collector": ["x"]})])
def test_what_anybody_may_have_written_harms_nobody(text):
    segment = f"trafmon-collector-{secrets.token_hex(8)}"
    block = Statistics.create(segment, ["a"], text)
    reader = health.CollectorReader(Statistics.attach(segment))
    assert all(isinstance(reader.identity[n], str) for n in ("collector", "host", "configuration", "version"))
    assert [0, 0, 0] == [reader.identity[n] if type(reader.identity[n]) is int else None for n in ("run", "pid", "port")]
    assert all(type(n) is str for n in (*reader.identity["probes"], *reader.identity["kinds"]))
    assert {"a": 0} == reader.snapshot()
    reader.close()
    block.close()
    assert not (SEGMENTS / segment).exists()
