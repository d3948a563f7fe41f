"""CSV as RFC 4180 has it, except that lines end by LF alone: header lines and strings. Rows are written by `text`."""

from __future__ import annotations

from tmon_common.observations import Kind


def csv_field(value: str) -> bytes:
    """A string as a CSV field: quoted when it holds a comma, a quote or a line end (RFC 4180 section 2)."""
    if any(c in value for c in ',"\r\n'):
        value = '"' + value.replace('"', '""') + '"'
    return value.encode()


def csv_header(kind: Kind) -> bytes:
    """First line of a file of this kind."""
    return ",".join(kind.header).encode() + b"\n"
