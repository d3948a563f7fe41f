"""Which offloads stand between an observer and the wire, by the kernel's names (net/ethtool/common.c).

A capture socket sees a received packet after the NIC and the kernel have merged it with its successors (LRO, GRO), and a packet
that this host sends before it is cut into those of the wire (TSO and its like). A NIC that checks checksums may keep packets with
a wrong one to itself. Generic segmentation (GSO) is done before the capture sees the packets: it goes off with the others, but
does no harm while it is on.
"""

from collections.abc import Iterable

RECEIVE_MERGES = ("rx-gro", "rx-gro-hw", "rx-lro", "rx-gro-list", "rx-udp-gro-forwarding")
TRANSMIT_MERGES = ("tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation",
                   "tx-tcp-accecn-segmentation", "tx-udp-segmentation", "tx-sctp-segmentation", "tx-gso-list")
MERGES = RECEIVE_MERGES + TRANSMIT_MERGES
HARMFUL = (*MERGES, "rx-checksum")
SWITCHED = (*HARMFUL, "tx-generic-segmentation")


SHORT = {"rx-gro": "GRO", "rx-gro-hw": "GRO", "rx-lro": "LRO", "rx-gro-list": "GRO", "rx-udp-gro-forwarding": "GRO",
         "tx-udp-segmentation": "USO", "tx-sctp-segmentation": "SCTP segmentation", "tx-gso-list": "GSO list",
         "tx-generic-segmentation": "GSO", "rx-checksum": "receive checksums"}
"""What people call them; the others are TSO."""


def short(features: Iterable[str]) -> str:
    """The features as a list for people, each of their names once."""
    return ", ".join(dict.fromkeys(SHORT.get(f, "TSO") for f in features))


def among(names: tuple[str, ...], features: frozenset[str]) -> tuple[str, ...]:
    """Those of `names` that are in `features`, in their order."""
    return tuple(n for n in names if n in features)
