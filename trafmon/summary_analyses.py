"""What the stateful analyses found, for a person at a terminal: round trips, TCP connections, FTP transfers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trafmon.console_table import Sources, human_duration, human_octets, print_table, printable, share

if TYPE_CHECKING:
    from rich.console import Console

    from tmon_store.backends.backend import Backend
    from tmon_store.report_analyses import Ends, RoundTrips, Transfer


@dataclass(frozen=True)
class Analyses:
    """Answers of tmon_store.report_analyses."""

    round_trips: list[RoundTrips]
    connections: list[Ends]
    transfers: list[Transfer]

    @property
    def found(self) -> bool:
        """There is something."""
        return bool(self.round_trips or self.connections or self.transfers)

    @classmethod
    def of(cls, store: Backend, limit: int) -> Analyses:
        from tmon_store import report_analyses as ask

        return cls(ask.round_trips(store, limit), ask.connections(store), ask.transfers(store, limit))


def print_analyses(console: Console, found: Analyses, sources: Sources) -> None:
    """Tables of what there is."""
    if trips := found.round_trips:
        print_table(console, "Round trips", ["Metric", "Server", "Number>", "Min>", "Median>", "p95>", "Max>", "Unanswered>",
                    "Errors>"],
                    [(printable(t.metric), printable(t.server), f"{t.population:,}",
                      *map(human_duration, (t.minimum, t.median, t.p95, t.maximum)), f"{t.unanswered:,}", f"{t.errors:,}")
                     for t in trips], sources.of(trips))
    if ends := found.connections:
        print_table(console, "TCP connections", ["Ended by", "Number>", "Octets>", "Retransmitted>"],
                    [(printable(e.ended_by), f"{e.connections:,}", human_octets(e.octets), share(e.retransmitted, e.octets))
                     for e in ends], sources.of(ends))
    if moved := found.transfers:
        print_table(console, "Largest FTP transfers, in order of time", ["Start (UTC)", "Client", "Server", "Command", "Path",
                                                                         "Octets>", "Took>",
                    "Outcome"],
                    [(f"{t.start:%m-%d %H:%M:%S}", printable(t.client), printable(t.server), printable(t.command),
                      printable(t.path or "-"), "-" if t.octets is None else human_octets(t.octets), human_duration(t.duration),
                      _outcome(t)) for t in moved], sources.of(moved))


def _outcome(transfer: Transfer) -> str:
    code = f" ({transfer.reply_code})" if transfer.reply_code is not None and transfer.outcome != "completed" else ""
    return printable(transfer.outcome.replace("_", " ")) + code
