"""Keys of probes, and what is derived from them for one run."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_OCTETS = 32
MAX_KEYS = 2


@dataclass(frozen=True)
class Key:
    """secret: KEY_OCTETS octets; made: when, as the file says. id: 1 to 255, tells it apart from the other one in the file."""

    secret: bytes = field(repr=False)
    made: str = ""

    @property
    def id(self) -> int:
        return 1 + hashlib.sha256(b"trafmon key" + self.secret).digest()[0] % 255

    def derive(self, probe: int, run: int, collector: str) -> tuple[bytes, bytes]:
        """(key of what the probe sends, key of the answers), KEY_OCTETS each, for one run and collector: HKDF-SHA256 (RFC 5869)."""
        info = b"trafmon pdu 2" + probe.to_bytes(4, "big") + run.to_bytes(8, "big") + collector.encode()
        octets = HKDF(hashes.SHA256(), 2 * KEY_OCTETS, None, info).derive(self.secret)
        return octets[:KEY_OCTETS], octets[KEY_OCTETS:]


Keys = tuple[Key, ...]
"""Of one probe, oldest first; at most MAX_KEYS."""


def new_key(made: str) -> Key:
    return Key(secrets.token_bytes(KEY_OCTETS), made)
