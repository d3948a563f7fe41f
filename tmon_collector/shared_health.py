"""What others on this host can see of a running collector: its statistics, and the board of its last events."""

from __future__ import annotations

from tmon_collector import health
from tmon_common.config.model import Collector, Configuration
from tmon_common.event_board import ENDING, EventBoard
from tmon_common.events import Event
from tmon_common.previous_run import previous_run_died


class SharedHealth:
    """FileExistsError if a collector of this name and file runs already. now_wall_ns: its start; port: where it listens."""

    def __init__(self, configuration: Configuration, collector: Collector, now_wall_ns: int, port: int) -> None:
        self._collector = collector.name
        self.block = health.create(configuration, collector, now_wall_ns // 1_000_000, port)
        try:
            self.board = EventBoard.create(health.segment_name(configuration, collector.name) + ENDING)
        except BaseException:
            self.block.close()
            raise

    def previous_run_died(self, now_wall_ns: int) -> list[Event]:
        """What is to be told of the run before this one."""
        return previous_run_died("tmon_collector", self._collector, self.block.block, now_wall_ns)

    def close(self) -> None:
        """Nobody new sees it any more; who looks at it already keeps it."""
        self.board.close()
        self.block.close()
