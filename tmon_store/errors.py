"""What can go wrong for reasons a person can mend; `str()` of each says what, where and what to do."""


class StoreError(Exception):
    """The database or the spool cannot be used."""


class StoreBusyError(StoreError):
    """Another loader works on the same spool, or another program has the database open."""


class StoreConflictError(StoreError):
    """The engine undid the transaction for the sake of another one: the same once more is likely to succeed."""


class StoreFullError(StoreError):
    """The database has no room for rows of so many different days."""


class StoreLockedError(StoreConflictError, StoreBusyError):
    """Another program held rows for longer than one waits: tried again like a conflict, then told like a busy database."""
