"""The values that a series stands for: as words of flow definitions, and as texts that outlive a change of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address

from tmon_collector.thresholds.flow_map import KEY_WORDS, OTHER
from tmon_common.observations import ABSENT

_WORD = (1 << 64) - 1


def texts_of(key: Sequence[int], fields: Sequence[str], interfaces: Sequence[str]) -> list[str]:
    """One text a field, "" where it is empty."""
    texts, at = [], 0
    for field in fields:
        words = key[at : at + KEY_WORDS[field]]
        at += len(words)
        if words[0] == ABSENT:
            texts.append("")
        elif len(words) == 2:
            address = IPv6Address((words[0] & _WORD) << 64 | words[1] & _WORD)
            texts.append(str(address.ipv4_mapped or address))
        elif field == "interface":
            texts.append(interfaces[words[0]] if words[0] >= 0 else "?")
        else:
            texts.append(str(words[0]))
    return texts


def key_of(texts: Sequence[str], fields: Sequence[str], interfaces: Sequence[str]) -> list[int]:
    """The words again."""
    key = []
    for text, field in zip(texts, fields, strict=True):
        if text == "":
            key += [ABSENT] * KEY_WORDS[field]
        elif KEY_WORDS[field] == 2:
            number = int(IPv6Address(text if ":" in text else f"::ffff:{text}"))
            key += [_signed(number >> 64), _signed(number & _WORD)]
        elif field == "interface":
            key.append(interfaces.index(text) if text in interfaces else OTHER)
        else:
            key.append(int(text))
    return key


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
