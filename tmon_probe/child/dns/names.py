"""Domain names: from the octets of a message to text (RFC 1035 sections 3.1, 4.1.4 and 5.1, RFC 4343)."""

from __future__ import annotations

import re

MAX_NAME_OCTETS = 255
"""Of a name in a message, lengths of labels included: RFC 1035 section 2.3.4."""
MAX_POINTERS = 127
"""As many labels as a name can have: a pointer that leads to no label is of no use to a sound sender."""
_POINTER = 0xC0
_PLAIN = re.compile(rb"[A-Za-z0-9_-]+")
_ESCAPED = [f"\\{o:03d}" if not 0x21 <= o <= 0x7E else f"\\{chr(o)}" if chr(o) in '."\\;()@$' else chr(o).lower()
            for o in range(256)]


class DnsError(ValueError):
    """Octets that are no DNS message: what is wrong with them."""


def skip_name(data: bytes, at: int) -> int:
    """Where the name at data[at] ends. DnsError if it does not."""
    end = len(data)
    while at < end:
        length = data[at]
        if length == 0:
            return at + 1
        if length >= _POINTER:
            if at + 2 > end:
                break
            return at + 2
        if length > 63:
            raise DnsError("label type")
        at += 1 + length
    raise DnsError("cut")


def read_name(data: bytes, at: int) -> tuple[str, int]:
    """(the name at data[at] as text, where it ends). DnsError for what is none.

    Text: small letters, without the last dot, the root is "."; octets that could be taken for something else are escaped, so that
    two names have the same text only if they are the same. Each pointer must lead further back than all before it: work is bounded.
    """
    after = -1
    start, octets, pointers = at, 1, 0
    labels = []
    end = len(data)
    while True:
        if at >= end:
            raise DnsError("cut")
        length = data[at]
        if length == 0:
            break
        if length >= _POINTER:
            if at + 2 > end:
                raise DnsError("cut")
            if after < 0:
                after = at + 2
            target = (length & 0x3F) << 8 | data[at + 1]
            pointers += 1
            if target >= start or pointers > MAX_POINTERS:
                raise DnsError("pointer")
            start = at = target
            continue
        if length > 63:
            raise DnsError("label type")
        octets += 1 + length
        if octets > MAX_NAME_OCTETS:
            raise DnsError("name too long")
        if at + 1 + length > end:
            raise DnsError("cut")
        labels.append(_text(data[at + 1 : at + 1 + length]))
        at += 1 + length
    return ".".join(labels) or ".", at + 1 if after < 0 else after


def _text(label: bytes) -> str:
    return label.decode("ascii").lower() if _PLAIN.fullmatch(label) else "".join([_ESCAPED[o] for o in label])
