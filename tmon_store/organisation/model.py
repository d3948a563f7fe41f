"""The declared organisation, and the place in it of any address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tmon_common.config.addresses import format_address, parse_address_ranges
from tmon_store.organisation.prefix_map import NONE, PrefixMap, number_of, pack_texts
from tmon_store.organisation.special import NOT_INTERNET, ranges_of

INTERNET = "Internet"
"""Activity and location of an address that is not the organisation's own."""
UNKNOWN = "unknown"
"""The same of one that nobody declared and that is none of the Internet: private, link-local, multicast; or no address at all."""


@dataclass(frozen=True)
class Declaration:
    """One network or host as it was declared.

    prefix      as written: a prefix, or the address of a host
    activity, location      "" where this declaration does not say
    name        of a host: what it is called; of a network: a note for people
    line        in the file of the organisation
    """

    prefix: str
    activity: str = ""
    location: str = ""
    name: str = ""
    line: int = 0

    @property
    def ranges(self) -> list[tuple[int, int]]:
        return parse_address_ranges(self.prefix)

    @property
    def bits(self) -> int:
        """Length of the prefix, of an address as of IPv6; comparable within one version."""
        return int(self.prefix.partition("/")[2] or 128)

    @property
    def is_host(self) -> bool:
        return "/" not in self.prefix


@dataclass(frozen=True)
class Place:
    """Where an address belongs. own: it is the organisation's. name: as declared for the host, else "".

    by_activity, by_location: the declarations that decided; None for defaults and for what is not own
    """

    activity: str
    location: str
    own: bool = False
    name: str = ""
    by_activity: Declaration | None = None
    by_location: Declaration | None = None


class Organisation:
    """Every own address has exactly one activity and one location: those of the longest declared prefix that says one, else the
    defaults. Declarations are taken as they are: the readers check them.

    path: the file it was read from, for messages; None: nothing is declared.
    """

    def __init__(self, declarations: Sequence[Declaration] = (), activity: str = "", location: str = "",
                 path: Path | None = None) -> None:
        self.declarations = tuple(declarations)
        self.activity, self.location, self.path = activity, location, path
        by_length = sorted(range(len(self.declarations)), key=lambda i: self.declarations[i].bits)  # ::/0 and ::/1 have equal parts
        numbered = [(low, high, i) for i in by_length for low, high in self.declarations[i].ranges]
        self._maps = (PrefixMap(numbered),
                      PrefixMap(r for r in numbered if self.declarations[r[2]].activity),
                      PrefixMap(r for r in numbered if self.declarations[r[2]].location))
        self._special = PrefixMap(ranges_of(NOT_INTERNET))

    def places(self, addresses: Sequence[str]) -> list[Place]:
        """The place of each address, given as text."""
        packed, valid = pack_texts(addresses)
        own, activity, location = (m.find(packed) for m in self._maps)
        internet = valid & (self._special.find(packed) == NONE)
        known: dict[tuple, Place] = {}  # few places, many addresses
        places = []
        for key in zip(np.where(valid, own, NONE).tolist(), activity.tolist(), location.tolist(), internet.tolist(), strict=True):
            place = known.get(key)
            if place is None:
                place = known[key] = self._place(*key)
            places.append(place)
        return places

    def pieces(self) -> tuple[list[int], tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """First addresses of stretches within which all is the same, ascending from 0; and there, the longest declaration, the
        longest that says an activity, the longest that says a location: positions in `declarations` (int32), or NONE."""
        starts = np.unique(np.concatenate([m.starts for m in self._maps]))
        return [number_of(s) for s in starts.tolist()], tuple(m.find(starts) for m in self._maps)

    def _place(self, own: int, activity: int, location: int, internet: bool) -> Place:
        if own == NONE:
            where = INTERNET if internet else UNKNOWN
            return Place(where, where)
        longest = self.declarations[own]
        by_activity = None if activity == NONE else self.declarations[activity]
        by_location = None if location == NONE else self.declarations[location]
        return Place(by_activity.activity if by_activity else self.activity or UNKNOWN,
                     by_location.location if by_location else self.location or UNKNOWN,
                     True, longest.name if longest.is_host else "", by_activity, by_location)


def format_range(low: int, high: int) -> str:
    """For people."""
    return format_address(low) if low == high else f"{format_address(low)} to {format_address(high)}"
