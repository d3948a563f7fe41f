"""What a request of the master gets (RFC 2741 section 7.2.3): nothing can be set."""

from __future__ import annotations

from tmon_agent.agentx.encoding import SearchRange
from tmon_agent.agentx.pdu import Error, Pdu, Type, read_bindings, read_bulk, read_ranges, response_payload
from tmon_agent.agentx.values import END_OF_MIB_VIEW, NO_SUCH_INSTANCE, NO_SUCH_OBJECT, Binding, binding_of
from tmon_agent.snmp.tree import Tree

MAX_BULK_BINDINGS = 1000
"""That a GetBulk is answered with; the master asks on where it wants more."""


def answer(request: Pdu, tree: Tree) -> bytes | None:
    """Payload of the response; None: there is none to this. MalformedPdu for a request that cannot be read."""
    if request.type == Type.CLEANUP_SET:
        return None
    if request.foreign_context:
        return response_payload(Error.UNSUPPORTED_CONTEXT)
    if request.type == Type.GET:
        return response_payload(bindings=[_get(r, tree) for r in read_ranges(request)])
    if request.type == Type.GET_NEXT:
        return response_payload(bindings=[_next(r, tree) for r in read_ranges(request)])
    if request.type == Type.GET_BULK:
        return response_payload(bindings=_bulk(*read_bulk(request), tree))
    if request.type == Type.TEST_SET:
        return response_payload(Error.NOT_WRITABLE, 1) if read_bindings(request) else response_payload()
    if request.type in (Type.COMMIT_SET, Type.UNDO_SET):
        return response_payload(Error.COMMIT_FAILED if request.type == Type.COMMIT_SET else Error.NO_ERROR)
    return response_payload(Error.PROCESSING_ERROR)


def _get(wanted: SearchRange, tree: Tree) -> Binding:
    found = tree.get(wanted.start)
    if found is None:
        return Binding(wanted.start, NO_SUCH_INSTANCE if tree.has_object(wanted.start) else NO_SUCH_OBJECT)
    return binding_of(found)


def _next(wanted: SearchRange, tree: Tree) -> Binding:
    found = (tree.get(wanted.start) if wanted.include else None) or tree.after(wanted.start)
    if found is None or (wanted.end and found[0] >= wanted.end):
        return Binding(wanted.start, END_OF_MIB_VIEW)
    return binding_of(found)


def _bulk(non_repeaters: int, max_repetitions: int, ranges: tuple[SearchRange, ...], tree: Tree) -> list[Binding]:
    """Section 7.2.3.3: one of each non-repeater, then rows of one of each of the others."""
    found = [_next(r, tree) for r in ranges[:non_repeaters]]
    repeated = list(ranges[non_repeaters:])
    for _ in range(max_repetitions if repeated else 0):
        row = [_next(r, tree) for r in repeated]
        found += row
        if len(found) + len(row) > MAX_BULK_BINDINGS or all(b.value == END_OF_MIB_VIEW for b in row):
            break
        repeated = [SearchRange(b.oid, False, r.end) for b, r in zip(row, repeated, strict=True)]
    return found
