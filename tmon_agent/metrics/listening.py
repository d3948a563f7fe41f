"""A TCP socket to listen on, or why there is none."""

from __future__ import annotations

import errno
import os
import socket

from tmon_agent.service import ServiceError, Setting

_CURES = {
    errno.EADDRINUSE: "another program listens there; choose another metrics_port",
    errno.EADDRNOTAVAIL: "that is no address of this machine; correct address",
    errno.EACCES: "ports below 1024 are not for this user; choose another metrics_port",
}


def listen(setting: Setting) -> socket.socket:
    """Where the configuration says. ServiceError, with the cure."""
    address, port = setting.agent.address, setting.agent.metrics_port
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, dualstack_ipv6=address == "::")
    except OSError as error:
        why = _CURES.get(error.errno, "see address and metrics_port")
        what = os.strerror(error.errno).lower() if error.errno else str(error)
        raise ServiceError(f"metrics cannot be had at {address} port {port}: {what}: {why} of the <agent> of {setting.program} in "
                           f"{setting.configuration.path}") from None
