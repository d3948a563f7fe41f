"""Early signature: 64 bits that tell a packet from others, the same at every probe on its way."""

from tmon_probe.father.signature.sign import sign_fast64, sign_md5, sign_packet

__all__ = ["sign_fast64", "sign_md5", "sign_packet"]
