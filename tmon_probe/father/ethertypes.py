"""Which header comes first: values of the Ethernet type field that lead to IP, and one for links that have no such field."""

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
IP_BY_VERSION = 0  # no type field: the version nibble of the IP header tells
