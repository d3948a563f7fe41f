"""Logging as it was before a test."""

import logging

from tmon_common.diagnostics import logs


def restore_logging():
    """A fixture: afterwards no logger of ours has a level or a destination."""
    yield
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in logs.OWN_PACKAGES:
            logs._reset(logging.getLogger(name))
