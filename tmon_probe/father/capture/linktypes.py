"""Link types (LINKTYPE_ values as in pcap files, https://www.tcpdump.org/linktypes.html) that the dissection understands."""

NULL = 0
ETHERNET = 1
RAW_BSD = 12
RAW_OPENBSD = 14
RAW = 101
LOOP = 108
LINUX_SLL = 113
IPV4 = 228
IPV6 = 229
LINUX_SLL2 = 276

SUPPORTED = {
    NULL: "BSD null/loopback",
    ETHERNET: "Ethernet",
    RAW_BSD: "raw IP",
    RAW_OPENBSD: "raw IP",
    RAW: "raw IP",
    LOOP: "OpenBSD loopback",
    LINUX_SLL: "Linux cooked v1",
    IPV4: "raw IPv4",
    IPV6: "raw IPv6",
    LINUX_SLL2: "Linux cooked v2",
}


def describe(link_types: set[int]) -> str:
    """For messages: numbers and, where known, names."""
    return ", ".join(f"{t} ({SUPPORTED[t]})" if t in SUPPORTED else str(t) for t in sorted(link_types))
