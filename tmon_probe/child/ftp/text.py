"""Octets of a dialogue as text that may be shown and stored."""

from __future__ import annotations

import unicodedata

from tmon_common.observations.ftp import MAX_TEXT

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that do something to a terminal or to what stands around them."""


def text_of(octets: bytes) -> str:
    """UTF-8 (RFC 2640), else Latin-1; control characters replaced; at most MAX_TEXT characters."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    if not text.isprintable():
        text = "".join(_REPLACEMENT if unicodedata.category(c) in _HIDDEN else c for c in text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + ELLIPSIS
