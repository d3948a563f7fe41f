"""<match>: a condition on one field of a packet."""

from __future__ import annotations

from tmon_common.config.addresses import IPV6_ONES, format_address, parse_address_ranges, parse_masked_address
from tmon_common.config.fields import FIELDS, Field
from tmon_common.config.model import Predicate
from tmon_common.config.node import Node
from tmon_common.config.quantities import parse_number, split_list
from tmon_common.config.structure import nearest

MAX_RANGES = 4096
"""Values and ranges in one `in`."""
WAYS = ("is", "in", "range", "masked")


def read_predicate(node: Node, interfaces: frozenset[str]) -> Predicate | None:
    """interfaces: names of those that exist. None, and a problem noted, if the condition makes no sense."""
    name = node.text("field")
    if name is None:
        return None
    field = FIELDS.get(name)
    if field is None:
        node.problem(f'field="{name}": there is no such field{nearest(name, FIELDS)}', "field")
        return None
    ways = [w for w in WAYS if node.given(w)]
    if len(ways) != 1:
        found = " and ".join(ways) if ways else "none"
        node.problem(f"<match> on {name} has {found}; expected exactly one of is, in, range, masked", ways[-1] if ways else None)
        return None
    parse = _PARSERS[field.kind]
    parsed = node.value(ways[0], lambda text: parse(text, ways[0], field, interfaces))
    if parsed is None:
        return None
    ranges, mask, names = parsed
    return Predicate(name, ranges, mask, node.flag("not"), names)


def merge_ranges(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same values as few ranges as possible, ascending."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _numbers(text: str, way: str, field: Field, _interfaces: frozenset[str]):
    if way == "masked":
        value_text, slash, mask_text = text.partition("/")
        if not slash:
            raise ValueError(f"expected value/mask, such as {'syn/syn+ack' if field.name == 'tcp_flags' else '0x10/0xf0'}")
        value_text, mask_text = value_text.strip(), mask_text.strip()
        value, mask = _one_number(value_text, field), _one_number(mask_text, field)
        _check_mask(value, mask, f'"{mask_text}/{value_text}"' if mask & value == mask else "a value within the mask")
        return ((value, value),), mask, ()
    ranges = [_number_range(part, field) for part in _parts(text, way)]
    return merge_ranges(ranges), None, ()


def _number_range(text: str, field: Field) -> tuple[int, int]:
    low_text, dash, high_text = text.partition("-")
    low = _one_number(low_text, field)
    high = _one_number(high_text, field) if dash else low
    if low > high:
        raise ValueError(f"range {text} is empty; expected {high_text}-{low_text}?")
    return low, high


def _one_number(text: str, field: Field) -> int:
    symbols = dict(field.symbols)
    if text.lower() in symbols:
        return symbols[text.lower()]
    if field.combines and not text[:1].isdigit():
        value = 0
        for part in text.lower().split("+"):
            if part not in symbols:
                raise ValueError(f'"{part}" is none of the names{nearest(part, symbols)}')
            value |= symbols[part]
        return value
    highest = (1 << field.bits) - 1
    try:
        value = parse_number(text, 0, highest)
    except ValueError:
        names = f", or a name ({' '.join(symbols)})" if symbols else ""
        raise ValueError(f'"{text}" is no value of {field.name}; expected 0 to {highest}{names}') from None
    if field.name == "ip_version" and value not in {4, 6}:
        raise ValueError(f"there is no IP version {value}; expected 4 or 6")
    return value


def _addresses(text: str, way: str, _field: Field, _interfaces: frozenset[str]):
    if way == "masked":
        value, mask = parse_masked_address(text)
        _check_mask(value, mask, f"{format_address(value & mask)} as the value")
        return ((value, value),), mask, ()
    ranges = [r for part in _parts(text, way) for r in parse_address_ranges(part)]
    return merge_ranges(ranges), None, ()


def _interface_names(text: str, way: str, _field: Field, interfaces: frozenset[str]):
    if way not in {"is", "in"}:
        raise ValueError("interfaces are named; expected is or in")
    names = split_list(text) if way == "in" else [text]
    if not names:
        raise ValueError("expected the name of an interface")
    for name in names:
        if name not in interfaces:
            raise ValueError(f'no probe has an interface "{name}"{nearest(name, sorted(interfaces))}')
    return (), None, tuple(dict.fromkeys(names))


def _parts(text: str, way: str) -> list[str]:
    """The members of a list; with `is` and `range`, which have one, it is looked at whether that is so."""
    parts = split_list(text)
    if not parts:
        raise ValueError("is empty; expected " + {"is": "a value", "in": "values and ranges", "range": "low-high"}[way])
    if len(parts) > MAX_RANGES:
        raise ValueError(f"more than {MAX_RANGES} values; expected fewer, or prefixes and ranges")
    if way == "is" and (len(parts) > 1 or "-" in text):
        raise ValueError("is takes one value; expected in for lists, range for ranges")
    if way == "range" and (len(parts) > 1 or text.count("-") != 1):
        raise ValueError("expected one range low-high; in takes lists")
    return parts


def _check_mask(value: int, mask: int, cure: str) -> None:
    if mask in {0, IPV6_ONES ^ 0xFFFFFFFF}:
        raise ValueError("the mask is 0, so the condition would say nothing; expected some bit set")
    if value & ~mask:
        raise ValueError(f"the value has bits that are not in the mask, so no packet would satisfy it; expected {cure}")


_PARSERS = {"number": _numbers, "address": _addresses, "interface": _interface_names}
