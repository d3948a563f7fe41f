"""From --filter and from filters of the configuration to the interfaces of a replay."""

import argparse

import pytest

from tests.unit.config.documents import GOOD, spoiled, write
from tmon_common.config.default import analyse_configuration_xml
from tmon_common.config.read import read
from tmon_common.config.replay import with_replay
from trafmon.analyse import add_arguments


@pytest.fixture
def captures(tmp_path):
    paths = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    for path in paths:
        path.touch()
    return paths


def filters(tmp_path, text):
    return [i.bpf for i in read(write(tmp_path, text)).probes[0].interfaces]


def test_default_configuration(tmp_path, captures):
    """All captures, as it was written."""
    expression = "tcp[13] & 2 != 0 and ip[8] < 64"
    text = analyse_configuration_xml(captures, tmp_path, tmp_path / "x", 1, bpf=expression)
    assert filters(tmp_path, text) == [expression] * 2
    assert filters(tmp_path, analyse_configuration_xml(captures, tmp_path, tmp_path / "x", 1)) == ["", ""]


def test_a_capture_is_filtered_as_the_interface_it_stands_for(tmp_path, captures):
    """What the probe would not see, it does not see in the recording; --filter takes the place of that."""
    own, _ = spoiled('device="eth0"', 'device="eth0" filter="ip6"', GOOD)
    declared = read(write(tmp_path, own))
    out = tmp_path / "out"
    out.mkdir()
    text = with_replay(declared, captures, tmp_path, tmp_path / "x", 1)
    assert filters(out, text) == ["ip6", ""]
    text = with_replay(declared, captures, tmp_path, tmp_path / "x", 1, bpf="udp")
    assert filters(out, text) == ["udp", "udp"]


def test_option_of_analyse(capsys):
    """A wrong expression is told in libpcap's words, before anything is touched."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args(["a.pcap"]).filter == ""
    assert parser.parse_args(["a.pcap", "--filter", "tcp port 80"]).filter == "tcp port 80"
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["a.pcap", "--filter", "tcp andd"])
    assert ended.value.code == 2
    assert "argument --filter: can't parse filter expression: syntax error" in capsys.readouterr().err
