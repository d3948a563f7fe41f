"""Telling whoever started the collector that it listens."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import suppress

logger = logging.getLogger(__name__)


def tell_ready(port: int, ready_fd: int | None) -> None:
    """Tells whoever started the collector that it listens: the port on ready_fd (then closed), READY=1 to systemd.

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
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.sendto(b"READY=1", address)
        except OSError as error:
            logger.warning("cannot tell systemd that the collector is ready: %s", error.strerror)
