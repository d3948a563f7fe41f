"""Country, city and autonomous system of addresses, from files in MaxMind's format (any of City, Country, ASN, or alike).

Files are opened anew at each run. One that is missing or broken is told, and the others do their part. Replace them by renaming, as
geoipupdate does: they are mapped into memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb

LANGUAGE = "en"
MAX_TEXT = 190
"""Characters of a text that are kept."""
MAX_ASN = (1 << 32) - 1


class Geography(NamedTuple):
    """country: ISO 3166 code. None: not known."""

    country: str | None = None
    city: str | None = None
    asn: int | None = None
    as_organisation: str | None = None


class GeoIP:
    """warnings: lines for a person about files that cannot be used; digest: tells versions of the files apart."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.warnings: list[str] = []
        self._readers: list[tuple[Path, maxminddb.Reader]] = []
        stamps = []
        for path in paths:
            stamp: tuple[int, ...] = ()
            try:
                stat = path.stat()
                self._readers.append((path, maxminddb.open_database(path)))
                stamp = stat.st_size, stat.st_mtime_ns
            except OSError as error:
                self._complain(path, error.strerror or str(error))
            except (maxminddb.InvalidDatabaseError, ValueError) as error:
                self._complain(path, str(error))
            stamps.append((str(path), stamp))
        self.digest = hashlib.sha256(repr(stamps).encode()).hexdigest()

    @property
    def complete(self) -> bool:
        """Whether every file can be used, so far."""
        return not self.warnings

    def find(self, address: str) -> Geography:
        """What the files say; of several that say the same thing, the first. Nothing for what is no address."""
        country = city = asn = organisation = None
        for path, reader in list(self._readers):
            try:
                record = reader.get(address)
            except ValueError:
                continue  # no address, or an IPv6 one in a file of IPv4
            except maxminddb.InvalidDatabaseError as error:
                self._readers.remove((path, reader))
                self._complain(path, str(error))
                continue
            if isinstance(record, dict):
                country = country or _text(record, "country", "iso_code") or _text(record, "registered_country", "iso_code")
                city = city or _text(record, "city", "names", LANGUAGE)
                asn = _number(record.get("autonomous_system_number")) if asn is None else asn
                organisation = organisation or _text(record, "autonomous_system_organization")
        return Geography(country, city, asn, organisation)

    def close(self) -> None:
        for _, reader in self._readers:
            reader.close()

    def _complain(self, path: Path, reason: str) -> None:
        self.warnings.append(f"{path}: cannot be used: {reason.rstrip('.')}; addresses keep what is known about them")


def _text(record: dict, *keys: str) -> str | None:
    value: Any = record
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ASN else None
