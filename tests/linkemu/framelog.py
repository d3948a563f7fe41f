"""The frame log: one row for each frame that entered the link and one more for each duplicate, CSV in gzip.

Rows are written when their fate is complete, so a forwarded frame's row comes at its delivery. `docs/lab.md` explains
the columns for readers.
"""

import csv
import gzip
import io
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.linkemu.engine import Arrival, Delivery
from tests.linkemu.impairment import Direction, Fate


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One row. Times are ns UTC; a frame number counts from 1 in its pcap; None where there is none."""

    direction: Direction
    seq: int
    """Number of the frame in its direction, from 0; with `copy` it identifies the row."""
    copy: int
    """0 for the frame itself, 1 for its duplicate."""
    phase: int
    """Which of the impairments given to the link, from 0, was in force when the frame arrived."""
    fate: Fate
    held_back: bool
    corrupted: bool
    octets: int
    """Length in both pcaps, tags included."""
    arrival_ns: int
    """Timestamp in the pcap of the near end."""
    delay_ns: int | None
    """Delay that the engine decided: planned delivery minus arrival."""
    delivered_ns: int | None
    """Timestamp in the pcap of the far end, taken just before sending; a little later than planned."""
    west_frame: int | None
    east_frame: int | None

    @classmethod
    def of_arrival(cls, arrival: Arrival, entry_number: int) -> Self:
        """The row of a frame that the link did not let pass."""
        return cls(
            *(arrival.direction, arrival.seq, 0, arrival.phase, arrival.fate, False, False),
            *(len(arrival.carried), arrival.arrival_ns, None, None),
            *_west_and_east(arrival.direction, entry_number, None),
        )

    @classmethod
    def of_delivery(
        cls,
        delivery: Delivery,
        fate: Fate,
        delivered_ns: int | None,
        entry_number: int | None,
        exit_number: int | None,
    ) -> Self:
        """The row of a copy that was forwarded, or could not be."""
        return cls(
            *(delivery.direction, delivery.seq, delivery.copy, delivery.phase, fate),
            *(delivery.held_back, delivery.corrupted, len(delivery.carried)),
            *(delivery.arrival_ns, delivery.planned_ns - delivery.arrival_ns, delivered_ns),
            *_west_and_east(delivery.direction, entry_number, exit_number),
        )

    @property
    def entry_frame(self) -> int | None:
        """Frame number at the near end; None for a duplicate, which only the far end sees."""
        return self.west_frame if self.direction is Direction.WEST_TO_EAST else self.east_frame

    @property
    def exit_frame(self) -> int | None:
        """Frame number at the far end; None for what never got there."""
        return self.east_frame if self.direction is Direction.WEST_TO_EAST else self.west_frame


def _west_and_east(direction: Direction, near: int | None, far: int | None) -> tuple[int | None, int | None]:
    return (near, far) if direction is Direction.WEST_TO_EAST else (far, near)


COLUMNS = tuple(field.name for field in fields(FrameRecord))


class FrameLog:
    """Writes the log as the frames' fates become complete."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        # No time and no file name in the gzip header: the same rows give the same octets.
        self._raw = path.open("wb")
        self._gzip = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0)
        self._text = io.TextIOWrapper(self._gzip, encoding="ascii", newline="")
        self._csv = csv.writer(self._text, lineterminator="\n")
        self._csv.writerow(COLUMNS)

    def write(self, record: FrameRecord) -> None:
        """Appends one row."""
        self._csv.writerow(int(value) if isinstance(value, bool) else value for value in astuple(record))
        self.rows += 1

    def close(self) -> None:
        """Completes the file."""
        self._text.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def read_frame_log(path: Path) -> list[FrameRecord]:
    """All rows of a frame log, in file order."""
    with gzip.open(path, "rt", encoding="ascii", newline="") as file:
        return [_from_row(row) for row in csv.DictReader(file)]


def _from_row(row: dict[str, str]) -> FrameRecord:
    def optional(name: str) -> int | None:
        return int(row[name]) if row[name] else None

    return FrameRecord(
        direction=Direction(row["direction"]),
        seq=int(row["seq"]),
        copy=int(row["copy"]),
        phase=int(row["phase"]),
        fate=Fate(row["fate"]),
        held_back=row["held_back"] == "1",
        corrupted=row["corrupted"] == "1",
        octets=int(row["octets"]),
        arrival_ns=int(row["arrival_ns"]),
        delay_ns=optional("delay_ns"),
        delivered_ns=optional("delivered_ns"),
        west_frame=optional("west_frame"),
        east_frame=optional("east_frame"),
    )
