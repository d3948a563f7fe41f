"""Waiting for datagrams in a way that signals end."""

from __future__ import annotations

import selectors
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tmon_collector.receive import Receiver


@contextmanager
def waiting(receiver: Receiver, stop: Callable[..., object]) -> Iterator[Callable[[float], None]]:
    """Gives what waits for datagrams, so many seconds at most. Every signal ends the wait; SIGTERM and SIGINT call `stop`.

    In the main thread only.
    """
    wake, wake_end = socket.socketpair()
    wake.setblocking(False)
    wake_end.setblocking(False)
    previous = signal.set_wakeup_fd(wake_end.fileno(), warn_on_full_buffer=False)
    handlers = {s: signal.signal(s, stop) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(receiver, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)

            def wait(seconds: float) -> None:
                selector.select(seconds)
                with suppress(BlockingIOError):
                    wake.recv(4096)

            yield wait
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        wake.close()
        wake_end.close()
