"""Addresses that are never a peer on the Internet: where they are nobody's declared own, their place is unknown.

From the IANA registries of special-purpose addresses (RFC 6890): what routers of the Internet do not forward. The prefixes of
documentation (192.0.2.0/24, 2001:db8::/32 ...) are left out, since in examples they stand for addresses of the Internet.
"""

from __future__ import annotations

from tmon_common.config.addresses import parse_address_ranges

NOT_INTERNET = (
    "0.0.0.0/8",        # this network: RFC 791
    "10.0.0.0/8",       # private: RFC 1918
    "100.64.0.0/10",    # behind a provider's NAT: RFC 6598
    "127.0.0.0/8",      # loopback: RFC 1122
    "169.254.0.0/16",   # link-local: RFC 3927
    "172.16.0.0/12",    # private
    "192.168.0.0/16",   # private
    "198.18.0.0/15",    # test networks: RFC 2544
    "224.0.0.0/4",      # multicast: RFC 5771
    "240.0.0.0/4",      # reserved, broadcast: RFC 1112, RFC 919
    "::/127",           # unspecified, loopback: RFC 4291
    "fc00::/7",         # unique local: RFC 4193
    "fe80::/10",        # link-local
    "fec0::/10",        # site-local, of old: RFC 3879
    "ff00::/8",         # multicast
)
NAMELESS = ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/127", "fe80::/10", "ff00::/8")
"""Of them, those whose names in the DNS would tell nothing: they stand for no host, or for another one on each link."""


def ranges_of(prefixes: tuple[str, ...]) -> list[tuple[int, int, int]]:
    """As PrefixMap takes them; value: position of the prefix."""
    return [(low, high, i) for i, prefix in enumerate(prefixes) for low, high in parse_address_ranges(prefix)]
