"""What Python's `socket` does not name of the kernel's interface: constants and structures as in its headers.

Source: linux/if_packet.h, linux/if_ether.h, linux/if_arp.h, linux/sockios.h, linux/net_tstamp.h, asm-generic/socket.h;
https://docs.kernel.org/networking/packet_mmap.html
"""

import struct

ETH_P_ALL = 0x0003
ETH_P_8021Q = 0x8100

SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_RX_RING = 5
PACKET_STATISTICS = 6
PACKET_VERSION = 10
PACKET_RESERVE = 12
PACKET_TIMESTAMP = 17
PACKET_FANOUT = 18
PACKET_IGNORE_OUTGOING = 23

TPACKET_V3 = 2
PACKET_OUTGOING = 4
PACKET_MR_PROMISC = 1
PACKET_FANOUT_HASH = 0
PACKET_FANOUT_FLAG_UNIQUEID = 0x2000

SO_ATTACH_FILTER = SO_GET_FILTER = 26
SO_DETACH_FILTER = 27
BPF_MAXINSNS = 4096

SIOCGIFFLAGS, SIOCGIFMTU, SIOCGIFHWADDR = 0x8913, 0x8921, 0x8927
SIOCSHWTSTAMP, SIOCGHWTSTAMP = 0x89B0, 0x89B1
IFF_UP = 1
HWTSTAMP_FILTER_NONE, HWTSTAMP_FILTER_ALL = 0, 1
SOF_TIMESTAMPING_RAW_HARDWARE = 1 << 6

TPACKET_REQ3 = struct.Struct("=7I")
"""struct tpacket_req3: block size, blocks, frame size, frames, retire timeout in ms, private octets, features."""
TPACKET_STATS_V3 = struct.Struct("=3I")
"""struct tpacket_stats_v3: packets (dropped ones too), dropped, times that the queue froze."""
PACKET_MREQ = struct.Struct("=iHH8s")
HWTSTAMP_CONFIG = struct.Struct("=3i")
"""struct hwtstamp_config: flags, what is stamped when sent, what when received."""
SOCK_FILTER = struct.Struct("=HBBI")

# struct tpacket_block_desc with struct tpacket_hdr_v1: where its u32 fields lie
BLOCK_STATUS, NUM_PKTS, OFFSET_TO_FIRST_PKT, BLK_LEN = 8, 12, 16, 20
BLOCK_HEADER_OCTETS = 48
TP_STATUS_KERNEL, TP_STATUS_USER = 0, 1

# struct tpacket3_hdr, and the struct sockaddr_ll behind it; u32 if not said otherwise
TP_NEXT_OFFSET, TP_SEC, TP_NSEC, TP_SNAPLEN, TP_LEN, TP_STATUS = 0, 4, 8, 12, 16, 20
TP_MAC = 24  # u16
TP_VLAN_TCI = 32
TP_VLAN_TPID = 36  # u16
SLL_PKTTYPE = 58  # u8
PACKET_HEADER_OCTETS = 68
V3_ALIGNMENT = 8
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6
VLAN_TAG_OCTETS = 4
"""Reserved before each frame (PACKET_RESERVE): room for the tag that the kernel has put aside."""
