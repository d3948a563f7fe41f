"""VLAN tags that frames carry in the middle of the link only: put on at entry, taken off at exit.

IEEE 802.1Q: a customer tag has TPID 0x8100; of two tags (QinQ) the outer one has TPID 0x88A8.
"""

import ipaddress
from dataclasses import asdict, dataclass

ETHERNET_ADDRESSES = 12
TPID_CUSTOMER = 0x8100
TPID_SERVICE = 0x88A8
_ETHERTYPE_IPV4 = b"\x08\x00"
_ETHERTYPE_ARP = b"\x08\x06"
_ETHERTYPE_IPV6 = b"\x86\xdd"
_ADDRESSES_AT = {
    _ETHERTYPE_IPV4: (slice(26, 30), slice(30, 34)),
    _ETHERTYPE_IPV6: (slice(22, 38), slice(38, 54)),
    _ETHERTYPE_ARP: (slice(28, 32), slice(38, 42)),
}


def tag(frame: bytes, vlan_id: int, *, tpid: int = TPID_CUSTOMER, priority: int = 0) -> bytes:
    """The frame with one tag put in front of its EtherType; `vlan_id` 0..4095, `priority` 0..7."""
    tci = (priority << 13) | vlan_id
    return frame[:ETHERNET_ADDRESSES] + tpid.to_bytes(2) + tci.to_bytes(2) + frame[ETHERNET_ADDRESSES:]


@dataclass(frozen=True, slots=True)
class VlanRule:
    """Frames that this rule matches travel tagged. Without `mac` and `network` it matches every frame.

    `mac` ("02:00:00:00:01:02") matches as source or destination; `network` (IPv4 or IPv6 prefix) matches the source or
    destination address of IPv4, IPv6 and ARP. With both, both must match. `outer_id` makes it QinQ.
    """

    vlan_id: int
    outer_id: int | None = None
    mac: str | None = None
    network: str | None = None
    priority: int = 0

    def __post_init__(self) -> None:
        for vlan_id in (self.vlan_id, self.outer_id or 0):
            if not 0 <= vlan_id <= 4095:
                raise ValueError(f"VLAN {vlan_id}: an identifier lies between 0 and 4095")
        if self.mac is not None and len(bytes.fromhex(self.mac.replace(":", ""))) != 6:
            raise ValueError(f"{self.mac!r}: a MAC address has six octets")
        if self.network is not None:
            ipaddress.ip_network(self.network)

    def matches(self, frame: bytes) -> bool:
        """Whether this (untagged) frame travels under the rule's tags."""
        return self._matches_mac(frame) and self._matches_network(frame)

    def apply(self, frame: bytes) -> bytes:
        """The frame as it travels: with one tag, or two."""
        tagged = tag(frame, self.vlan_id, priority=self.priority)
        if self.outer_id is None:
            return tagged
        return tag(tagged, self.outer_id, tpid=TPID_SERVICE, priority=self.priority)

    def as_dict(self) -> dict[str, int | str | None]:
        """The fields by name, for JSON."""
        return asdict(self)

    def _matches_mac(self, frame: bytes) -> bool:
        if self.mac is None:
            return True
        mac = bytes.fromhex(self.mac.replace(":", ""))
        return mac in (frame[0:6], frame[6:12])

    def _matches_network(self, frame: bytes) -> bool:
        if self.network is None:
            return True
        fields = _ADDRESSES_AT.get(frame[12:14])
        if fields is None:
            return False
        network = ipaddress.ip_network(self.network)
        octets = network.max_prefixlen // 8
        shift = network.max_prefixlen - network.prefixlen
        wanted = int(network.network_address) >> shift
        return any(len(frame[field]) == octets and int.from_bytes(frame[field]) >> shift == wanted for field in fields)


def carried(frame: bytes, rules: tuple[VlanRule, ...]) -> bytes:
    """The frame as it travels: tagged by the first rule that matches it, or as it is."""
    for rule in rules:
        if rule.matches(frame):
            return rule.apply(frame)
    return frame
