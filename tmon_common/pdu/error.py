"""What can be wrong with a datagram."""

from __future__ import annotations


class PduError(ValueError):
    """A datagram that is not a sound PDU. `reason` is one word of REASONS, the counter under which it goes."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


REASONS = (
    "short",  # fewer octets than its type needs
    "oversized",  # more than MAX_PDU_OCTETS
    "foreign",  # other magic: not for us
    "version",  # of a version that is not spoken here
    "type",  # of an unknown type, or one that the other side alone sends
    "unknown_probe",  # of a probe that is not declared
    "unsealed",  # closed by a CRC alone, though the probe has a key; or sealed, though its configuration says seal="crc"
    "no_key",  # sealed by a key that is not in the probe's key file here
    "corrupt",  # the seal does not match: damaged, or forged
    "replayed",  # genuine, but seen before
    "old_run",  # of a run that is over, of which is no longer known what is written
    "implausible",  # a heartbeat that tells of more PDUs given up than any probe would
    "payload",  # sealed well, but the payload breaks the rules of the codec
)
