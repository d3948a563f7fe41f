"""Filter expressions for tests: what people write, and what exercises each kind of instruction."""

EXPRESSIONS = (
    "host 10.77.1.2", "src host 10.77.1.2 or dst host 192.168.1.1", "net 10.0.0.0/8",
    "src net 192.168.0.0/16 and not dst net 10.0.0.0/8", "host fd77:1::2", "ip6 net fe80::/10", "ip6", "ip",
    "arp or rarp", "not ip and not ip6", "port 53", "tcp dst port 21", "udp src port 123", "portrange 1024-5000",
    "not port 21", "tcp portrange 20-21 or udp port 161", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[tcpflags] == tcp-syn|tcp-ack", "tcp[13] & 4 = 4", "tcp[(tcp[12] >> 4) * 4 : 4] = 0x32323020",
    "ip[(ip[0] & 0xf) << 2 : 2] > 1024", "ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0", "icmp",
    "icmp[icmptype] == icmp-unreach", "icmp6 and ip6[40] = 135", "icmp or icmp6 or igmp", "ip[6:2] & 0x1fff != 0",
    "ip[6:2] & 0x3fff != 0 and udp", "ip[8] < 64", "ip[1] & 0xfc >> 2 = 0", "ip[0] & 0xf != 5",
    "ip proto 47 or ip proto 50", "ip6 proto 44", "ip6[6] = 0", "ether proto 0x88cc", "ether proto 0x86dd",
    "ether multicast", "ip multicast", "vlan", "vlan 77", "vlan and ip", "vlan and vlan and tcp",
    "(ip and tcp) or (vlan and tcp)", "mpls", "mpls and ip", "pppoes and ip", "greater 1000", "less 64",
    "len % 7 = 3 or len * 3 / 5 > 700", "len ^ 0x155 | 3 = 0x3ff", "ip[len - 20] > 127",
    "ip[16] + ip[17] - ip[18] > 255", "-(ip[19]) & 1 = 1", "ip[12:4] / (ip[8] & 3) > 0", "ip[4:2] % ip[9] = 1",
    "1 << ip[9] & 0x20040 != 0", "ip[4:2] * ip[10:2] & 0x80 != 0", "ether[60:4] = 0",
    "udp[4:2] > 512 and not (port 53 or port 161)", "sctp or ah or esp", "",
)
"""Some do not fit every link type."""

BY_TCPDUMP = (
    "tcp", "udp port 53 or tcp port 21", "vlan and ip", "ip6 or arp", "greater 200", "less 70", "len % 7 = 3",
    "ip[6:2] & 0x3fff != 0", "not (ip or ip6)", "mpls", "pppoes and ip",
)
"""These are also compared with tcpdump as a whole; a process each and per capture."""
