"""How far what is made of one-way observations is written."""

from __future__ import annotations

from typing import NamedTuple


class Mark(NamedTuple):
    """Rows of a kind that are made of a class's observations are written as far as before_ns (packet time).

    kind    "": of all kinds, and what they were made of is not needed any more
    epoch   packet time may begin anew, for a recording of earlier; marks of a later epoch take the place of all others
    """

    flow_class: str
    kind: str
    epoch: int
    before_ns: int
