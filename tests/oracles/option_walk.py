"""Slow twin of the options: lists of (kind, value), read as the standards say: RFC 791, 8200, 9293, 7323, 2018, 2113, 2711."""

from tmon_probe import records as r

IP_FLAGS = {68: (2, r.IP_TIMESTAMP), 7: (1, r.RECORD_ROUTE), 148: (2, r.ROUTER_ALERT)}
"""IPv4 option -> least octets of its value, flag."""


def listed(octets: bytes, end: int | None, padding: int, own: int) -> list[tuple[int, bytes]]:
    """Options one after the other: kind, length, value. They end with the octets, with one that is cut, or with one that lies.

    end, padding    kinds of a single octet: after `end` nothing counts, `padding` is skipped
    own             how many octets of an option its length counts beside the value: 2 (kind and length) or 0
    """
    found = []
    while octets and octets[0] != end:
        if octets[0] == padding:
            octets = octets[1:]
            continue
        if len(octets) < 2 or octets[1] < own or len(octets) < octets[1] + 2 - own:
            break
        value_end = octets[1] + 2 - own
        found.append((octets[0], octets[2:value_end]))
        octets = octets[value_end:]
    return found


def ipv4_flags(octets: bytes) -> int:
    flags = 0
    for kind, value in listed(octets, 0, 1, 2):
        least, flag = IP_FLAGS.get(kind, (99, 0))
        if len(value) >= least and (kind != 148 or len(value) == 2):
            flags |= flag
    return flags


def hop_by_hop_flags(octets: bytes) -> int:
    """octets: the header after its first two."""
    return r.ROUTER_ALERT if any(kind == 5 and len(value) == 2 for kind, value in listed(octets, None, 0, 0)) else 0


def tcp_fields(octets: bytes) -> dict:
    """Fields of the record, `flags` among them, that tell of these options."""
    fields, flags = {}, 0
    for kind, value in listed(octets, 0, 1, 2):
        numbers = [int.from_bytes(value[i : i + 4], "big") for i in range(0, len(value), 4)]
        match kind, len(value):
            case 2, 2:
                fields["tcp_mss"] = numbers[0]
                flags |= r.HAS_MSS
            case 3, 1:
                fields["tcp_window_scale"] = numbers[0]
                flags |= r.HAS_WINDOW_SCALE
            case 4, 0:
                flags |= r.SACK_PERMITTED
            case 5, octets_of_blocks if octets_of_blocks and octets_of_blocks % 8 == 0:
                fields["sack"] = numbers[:8]
                fields["sack_blocks"] = len(fields["sack"]) // 2
                flags |= r.HAS_SACK
            case 8, 8:
                fields["tcp_tsval"], fields["tcp_tsecr"] = numbers
                flags |= r.HAS_TIMESTAMPS
    return fields | {"flags": flags}
