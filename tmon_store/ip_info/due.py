"""Which addresses the DNS is asked for: new ones, and those whose answer is old."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from tmon_store.ip_info.rows import INFO
from tmon_store.ip_info.schema import DECLARED, FAILED, FOUND, NONE, SKIPPED

RETRY_FAILED = timedelta(hours=1)
"""After so long a name is asked for again that no server could tell."""
MAX_NAMES = 1_000_000
"""Addresses asked for in one run."""


def due(now: datetime, refresh: timedelta, everything: bool = False) -> sa.Select:
    """Addresses to ask for, those never asked first, then by age. everything: whatever their age."""
    status, checked = INFO.c.name_status, INFO.c.name_checked
    if everything:
        condition = sa.or_(status.is_(None), status.not_in([SKIPPED, DECLARED]))
    else:
        condition = sa.or_(status.is_(None), sa.and_(status == FAILED, checked <= now - min(RETRY_FAILED, refresh)),
                           sa.and_(status.in_([FOUND, NONE]), checked <= now - refresh))
    return sa.select(INFO.c.address).where(condition).order_by(checked.is_not(None), checked, INFO.c.address).limit(MAX_NAMES)
