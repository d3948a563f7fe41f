"""Everything a link needs to know before it starts; travels as JSON to a link in another process."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.linkemu.impairment import Impairment
from tests.linkemu.vlan import VlanRule


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """Two interfaces of this network namespace, what happens between them, and where the record of it goes."""

    directory: Path
    """Gets west.pcap, east.pcap and frames.csv.gz; made when missing."""
    west: str = "west"
    east: str = "east"
    west_to_east: Impairment = field(default_factory=Impairment)
    east_to_west: Impairment = field(default_factory=Impairment)
    seed: int = 1
    vlan_rules: tuple[VlanRule, ...] = ()

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(
            {
                "directory": str(self.directory),
                "west": self.west,
                "east": self.east,
                "west_to_east": self.west_to_east.as_dict(),
                "east_to_west": self.east_to_west.as_dict(),
                "seed": self.seed,
                "vlan_rules": [rule.as_dict() for rule in self.vlan_rules],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The reverse of `to_json`."""
        values = json.loads(text)
        return cls(
            directory=Path(values["directory"]),
            west=values["west"],
            east=values["east"],
            west_to_east=Impairment(**values["west_to_east"]),
            east_to_west=Impairment(**values["east_to_west"]),
            seed=values["seed"],
            vlan_rules=tuple(VlanRule(**rule) for rule in values["vlan_rules"]),
        )
