"""The code of one-way observations: form (what travels of a class), packer (probe), decode (collector); kernels in encode, decode,
rice. docs/protocol.md section 7.
"""

from tmon_common.pdu.one_way.decode import Block, decode
from tmon_common.pdu.one_way.form import RESOLUTIONS_NS, SIGNATURE_OCTETS, Form, OneWayRows
from tmon_common.pdu.one_way.packer import OneWayPacker, warm_up

__all__ = ["RESOLUTIONS_NS", "SIGNATURE_OCTETS", "Block", "Form", "OneWayPacker", "OneWayRows", "decode",
           "warm_up"]
