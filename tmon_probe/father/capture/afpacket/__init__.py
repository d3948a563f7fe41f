"""Live capture on Linux without copies: a ring of blocks shared with the kernel (AF_PACKET, TPACKET_V3), walked in place."""
