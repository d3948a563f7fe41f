"""Which offloads stand between an observer and the wire, by the kernel's names (net/ethtool/common.c).

A capture socket sees a received packet after the NIC and the kernel have merged it with its successors (LRO, GRO), and a packet
that this host sends before it is cut into those of the wire (TSO and its like). A NIC that checks checksums may keep packets with
a wrong one to itself. Generic segmentation (GSO) is done before the capture sees the packets: it goes off with the others, but
does no harm while it is on.
"""

RECEIVE_MERGES = ("rx-gro", "rx-gro-hw", "rx-lro", "rx-gro-list", "rx-udp-gro-forwarding")
TRANSMIT_MERGES = ("tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation",
                   "tx-tcp-accecn-segmentation", "tx-udp-segmentation", "tx-sctp-segmentation", "tx-gso-list")
MERGES = RECEIVE_MERGES + TRANSMIT_MERGES
HARMFUL = (*MERGES, "rx-checksum")
SWITCHED = (*HARMFUL, "tx-generic-segmentation")


def among(names: tuple[str, ...], features: frozenset[str]) -> tuple[str, ...]:
    """Those of `names` that are in `features`, in their order."""
    return tuple(n for n in names if n in features)
