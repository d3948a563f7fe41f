"""Several sources that share the packets of one device, by flow (PACKET_FANOUT)."""

from __future__ import annotations

from tmon_common.config.model import Interface
from tmon_probe.father.capture.afpacket.block_ring import NEW_GROUP
from tmon_probe.father.capture.afpacket.source import AfpacketDevice
from tmon_probe.privileges import OWN, Privileges


def open_members(interface: Interface, privileges: Privileges = OWN) -> list[AfpacketDevice]:
    """interface.fathers sources. A packet goes to the one that a hash over addresses, ports and protocol chooses.

    The hash is the same for both directions of a flow. Fragments are hashed by their addresses: those of a datagram go to one
    member, but not always to that of the flow's other packets. Each has a ring of its own, of interface.buffer_octets.
    The process that opens them may fork then: each process reads its own and may close the others.
    CaptureError if one cannot be opened.
    """
    members: list[AfpacketDevice] = []
    try:
        for _ in range(interface.fathers):
            members.append(AfpacketDevice(interface, members[0].group if members else NEW_GROUP, privileges=privileges))
        for member in members:
            member.start()
    except BaseException:
        for member in members:
            member.close()
        raise
    return members
