"""pysnmp's clock and sockets, within the event loop of the agent."""

from __future__ import annotations

import asyncio
import logging
import time

from pysnmp.carrier.asyncio.dispatch import AsyncioDispatcher

log = logging.getLogger(__name__)


class Dispatcher(AsyncioDispatcher):
    """Counts time by a clock that nobody sets: by pysnmp's own nothing would be late for as long as a clock was set back, and an
    inform that is not answered would hold up all others. A fault in one look does not end them all. tick_s: between looks."""

    def __init__(self, tick_s: float) -> None:
        super().__init__(timeout=tick_s)

    async def handle_timeout(self) -> None:
        while True:
            await asyncio.sleep(self.get_timer_resolution())
            try:
                self.handle_timer_tick(time.monotonic())
            except Exception as error:  # of pysnmp, of many kinds
                log.debug("SNMP: what was late could not be dealt with: %s", type(error).__name__, exc_info=True)
