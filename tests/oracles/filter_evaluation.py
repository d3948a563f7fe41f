"""What a filter says of one packet, evaluated as its definition reads (tmon_common/config/model.py)."""

from collections.abc import Mapping

from tmon_common.config.model import Conjunction, Disjunction, Filter, Predicate

SIDES = {"addr": ("src_addr", "dst_addr"), "port": ("src_port", "dst_port")}


def evaluate(layer: Filter | Disjunction | Conjunction | Predicate, packet: Mapping[str, int | str]) -> bool:
    """packet: only the fields that it has; numbers (addresses of 128 bits), `interface` by its name."""
    if isinstance(layer, Predicate):
        found = holds(layer, packet)
    elif isinstance(layer, Disjunction):
        found = any(evaluate(term, packet) for term in layer.terms)
    else:
        found = all(evaluate(term, packet) for term in layer.terms)
    return not found if layer.negated else found


def holds(predicate: Predicate, packet: Mapping[str, int | str]) -> bool:
    """The condition without its negation: false if the packet lacks the field, either side for `addr` and `port`."""
    for name in SIDES.get(predicate.field, (predicate.field,)):
        if name not in packet:
            continue
        value = packet[name]
        if predicate.field == "interface":
            if value in predicate.names:
                return True
            continue
        if predicate.mask is not None:
            value &= predicate.mask
        if any(low <= value <= high for low, high in predicate.ranges):
            return True
    return False
