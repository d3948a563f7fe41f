"""The service manager's end of sd_notify(3), for programs that tests start."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Self


class Notified:
    """told: every message so far, each as its fields. Programs find it by the environment in `variables`."""

    def __init__(self, directory: Path, watchdog_us: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(directory / "notify"))
        self.variables = {"NOTIFY_SOCKET": str(directory / "notify"), "WATCHDOG_USEC": str(watchdog_us)}
        self._messages: list[dict[str, str]] = []

    @property
    def told(self) -> list[dict[str, str]]:
        while True:
            try:
                message = self._socket.recv(65536).decode()
            except BlockingIOError:
                return self._messages
            self._messages.append(dict(line.split("=", 1) for line in message.splitlines()))

    def count(self, field: str) -> int:
        return sum(field in message for message in self.told)

    def values(self, field: str) -> list[str]:
        return [message[field] for message in self.told if field in message]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
