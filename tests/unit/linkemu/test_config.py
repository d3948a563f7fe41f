"""A link's configuration travels to another process and comes back equal."""

from pathlib import Path

from tests.linkemu.config import LinkConfig
from tests.linkemu.impairment import Impairment
from tests.linkemu.vlan import VlanRule


def test_json_and_back():
    config = LinkConfig(
        directory=Path("out"),
        west_to_east=Impairment(delay_ns=5, loss=0.25),
        east_to_west=Impairment(rate_bps=512_000),
        seed=7,
        vlan_rules=(VlanRule(120, outer_id=30, network="192.0.2.0/24"), VlanRule(5, mac="02:00:00:00:00:01")),
    )
    assert config == LinkConfig.from_json(config.to_json())
