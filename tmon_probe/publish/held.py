"""A PDU that the probe holds until the collector has it."""

from __future__ import annotations

from dataclasses import dataclass

HELD_OCTETS = 256  # memory that a held PDU takes besides its payload

@dataclass(slots=True, eq=False)
class Held:
    """An observations PDU, complete but for its seal.

    pdu         id, counted from 0 in a run
    type        OBSERVATIONS or COMPRESSED
    timeout_ns  how long its last sending waits for an answer
    sendings    how many times it was sent
    refused     the collector cannot understand it: kept aside for the day it can, sent seldom, outside the window
    waiting     it stands in a queue to be sent; otherwise its timer runs out at due_ns
    gone        acknowledged or given up; queues and timers that still name it pass over it
    """

    pdu: int
    type: int
    kind: int
    rows: int
    words: int
    strings: int
    payload: bytes
    permanent: bool
    created_ns: int
    timeout_ns: int
    sendings: int = 0
    refused: bool = False
    waiting: bool = True
    due_ns: int = 0
    gone: bool = False
