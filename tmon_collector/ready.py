"""Telling whoever started the collector that it listens."""

from __future__ import annotations

import logging
import os
from contextlib import suppress

from tmon_common import service_manager

logger = logging.getLogger(__name__)


def tell_ready(port: int, ready_fd: int | None) -> None:
    """Tells whoever started the collector that it listens: the port on ready_fd (then closed), and the service manager.

    That nobody reads it any more is no error.
    """
    if ready_fd is not None:
        try:
            with suppress(BrokenPipeError):
                os.write(ready_fd, f"{port}\n".encode())
        except OSError as error:
            logger.warning("cannot tell the port on descriptor %d: %s", ready_fd, error.strerror)
        finally:
            os.close(ready_fd)
    service_manager.ready(f"listening on port {port}")
