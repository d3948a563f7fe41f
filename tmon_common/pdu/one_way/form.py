"""What a class's observations look like on their way, and rows that are handed over in that form."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tmon_common.observations import ONE_WAY_OBSERVATION, Kind, Rows

RESOLUTIONS_NS = tuple(10**n for n in range(7))
"""1 ns to 1 ms; a resolution travels as its position here."""
SIGNATURE_OCTETS = (2, 3, 4)


@dataclass(frozen=True)
class Form:
    """signature_octets: how much of signatures travels, their last bits; resolution_ns: times are rounded down to a multiple of it;
    sizes: packet sizes travel, too. ValueError for what the code cannot tell.
    """

    flow_class: str
    signature_octets: int
    resolution_ns: int
    sizes: bool

    def __post_init__(self) -> None:
        if self.signature_octets not in SIGNATURE_OCTETS:
            msg = f"flow class {self.flow_class}: signatures of {self.signature_octets} octets, possible are 2, 3 and 4"
            raise ValueError(msg)
        if self.resolution_ns not in RESOLUTIONS_NS:
            msg = f"flow class {self.flow_class}: resolution of {self.resolution_ns} ns, possible are powers of ten up to 1 ms"
            raise ValueError(msg)


NO_FORM = Form("", 4, 1, sizes=True)


@dataclass
class OneWayRows(Rows):
    """Observations of one class (kind ONE_WAY_OBSERVATION), perhaps none.

    watermark_ns    packet time: all observations before it are in these rows, or were in earlier ones; ABSENT: not known
    ended           nothing more comes of this class in this run
    """

    form: Form = field(default=NO_FORM)
    watermark_ns: int = np.iinfo(np.int64).min
    ended: bool = False

    @classmethod
    def of(cls, form: Form, words: np.ndarray, watermark_ns: int, *, ended: bool = False) -> OneWayRows:
        """Rows around a C-contiguous int64 matrix (n, ONE_WAY_OBSERVATION.words), without a copy."""
        kind: Kind = ONE_WAY_OBSERVATION
        values = np.ascontiguousarray(words, np.int64).view(kind.dtype).reshape(len(words))
        return cls(kind, values, [], form, watermark_ns, ended)
