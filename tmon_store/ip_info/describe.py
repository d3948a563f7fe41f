"""What the organisation and the files of geography make of addresses: new rows, and what has to change in old ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from tmon_store.ip_info.geoip import Geography, GeoIP
from tmon_store.ip_info.rows import Row
from tmon_store.ip_info.schema import DECLARED, SKIPPED
from tmon_store.organisation import Organisation, Place
from tmon_store.organisation.prefix_map import NONE, PrefixMap, pack_texts
from tmon_store.organisation.special import NAMELESS, ranges_of


class Describer:
    """digest: 63 bits that tell whether all that is known is still the same."""

    def __init__(self, organisation: Organisation, geoip: GeoIP) -> None:
        self._organisation, self._geoip = organisation, geoip
        self._nameless = PrefixMap(ranges_of(NAMELESS))
        said = (organisation.declarations, organisation.activity, organisation.location, geoip.digest)
        self.digest = int.from_bytes(hashlib.sha256(repr(said).encode()).digest()[:8]) >> 1

    def new_rows(self, addresses: Sequence[str], now: datetime) -> list[Row]:
        """Rows of addresses seen for the first time."""
        packed, valid = pack_texts(addresses)
        nameless = (self._nameless.find(packed) != NONE) | ~valid
        rows = []
        for address, place, skip in zip(addresses, self._organisation.places(addresses), nameless.tolist(), strict=True):
            row: Row = {"address": address, "activity": place.activity, "location": place.location, "name": None,
                        "name_status": SKIPPED if skip else None, "name_checked": None, "first_seen": now, "updated": now}
            rows.append(row | self._geography(address) | _declared_name(place, row))
        return rows

    def changes(self, rows: Sequence[Row]) -> dict[str, Row]:
        """What differs in rows that are there, by address. What a file said that cannot be used now stays."""
        changes = {}
        for row, place in zip(rows, self._organisation.places([r["address"] for r in rows]), strict=True):
            geography = self._geography(row["address"])
            if not self._geoip.complete:
                geography = {k: row[k] if v is None else v for k, v in geography.items()}
            new = {"activity": place.activity, "location": place.location} | geography | _declared_name(place, row)
            differing = {k: v for k, v in new.items() if row[k] != v}
            if differing:
                changes[row["address"]] = differing
        return changes

    def _geography(self, address: str) -> Row:
        return dict(zip(Geography._fields, self._geoip.find(address), strict=True))


def _declared_name(place: Place, row: Row) -> Row:
    """A declared name wins; when it is declared no longer, the DNS is asked."""
    if place.name:
        return {"name": place.name, "name_status": DECLARED}
    return {"name": None, "name_status": None, "name_checked": None} if row["name_status"] == DECLARED else {}
