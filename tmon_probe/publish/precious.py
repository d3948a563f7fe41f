"""Which rows are permanent: all of some kinds, and events that say that figures are incomplete."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tmon_common.events import Severity
from tmon_common.observations import EVENT, Rows

PERMANENT_SEVERITIES = frozenset({Severity.WARNING.value, Severity.ERROR.value})


def parted(rows: Rows) -> Iterator[tuple[Rows, bool]]:
    """(rows, permanent): the rows in at most two parts, each in its order."""
    if rows.kind is not EVENT or not len(rows):
        yield rows, rows.kind.permanent
        return
    grave = np.array([s in PERMANENT_SEVERITIES for s in rows.strings] or [False])
    severity = rows.values["severity"]
    sound = (severity >= 0) & (severity < len(rows.strings))
    permanent = sound & grave[np.where(sound, severity, 0)]
    for mask, is_permanent in ((permanent, True), (~permanent, False)):
        if mask.any():
            yield Rows(rows.kind, rows.values[mask], rows.strings), is_permanent
