"""Is a libpcap filter expression one? Known before the device is opened, also on machines that do not have it."""

from __future__ import annotations

MAX_CHARACTERS = 16_384
_LINK_TYPES = (1, 12)  # Ethernet; raw IP: what is impossible on the one may be right on the other
_ANY_NETMASK = 0xFFFFFFFF


def parse_bpf(text: str) -> str:
    """The expression as it is. ValueError with libpcap's words if it fits neither Ethernet nor raw IP.

    Names of hosts that cannot be looked up here are let through: the probe may know them.
    """
    import pcapy

    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"expected at most {MAX_CHARACTERS} characters")
    message = ""
    for link_type in _LINK_TYPES if text else ():
        try:
            pcapy.compile(link_type, 65535, text, 0, _ANY_NETMASK)
        except pcapy.PcapError as error:
            message = message or str(error)
        else:
            return text
    if message and "unknown host" not in message:
        raise ValueError(f"{message}; expected a libpcap filter expression such as: ip or ip6 or vlan")
    return text
