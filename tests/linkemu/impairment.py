"""What a link may do to the frames of one direction."""

from dataclasses import asdict, dataclass
from enum import StrEnum

_NS_PER = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_BPS_PER = {"k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


class Direction(StrEnum):
    """The way a frame travels."""

    WEST_TO_EAST = "west_to_east"
    EAST_TO_WEST = "east_to_west"

    @property
    def reverse(self) -> "Direction":
        """The other way."""
        return Direction.EAST_TO_WEST if self is Direction.WEST_TO_EAST else Direction.WEST_TO_EAST


class Fate(StrEnum):
    """What became of a frame, or of the second copy of one."""

    FORWARDED = "forwarded"
    LOST = "lost"
    """Lost between the two taps: only the tap where it came in has it."""
    QUEUE_DROP = "queue_drop"
    """The queue before the rate limit was full, or the link held too many frames."""
    SEND_FAILED = "send_failed"
    """The kernel refused to send it at the far end."""
    IN_FLIGHT = "in_flight"
    """Still travelling when the link was closed."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """The faults of one direction; the default is a wire without any.

    Probabilities are 0..1, times ns, `rate_bps` bits per second (0: no limit) of Ethernet frames without preamble and
    frame check sequence, tags included. The order of frames is kept unless `reorder` is above 0.
    """

    delay_ns: int = 0
    jitter_ns: int = 0
    """Further delay, uniform between 0 and this."""
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    """Probability that a frame is held back by `reorder_extra_ns`, so that later ones may overtake it."""
    reorder_extra_ns: int = 10_000_000
    corrupt: float = 0.0
    """Probability that one bit behind the Ethernet header is inverted."""
    corrupt_unseen: float = 0.0
    """Share of these in which the bit lies in a UDP payload and the UDP checksum is made right again: programs see the damage."""
    rate_bps: int = 0
    queue_octets: int = 64_000
    """Room before the rate limit; a frame that does not fit is dropped."""

    def __post_init__(self) -> None:
        for name in ("loss", "duplicate", "reorder", "corrupt", "corrupt_unseen"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name}={getattr(self, name)}: a probability lies between 0 and 1")
        for name in ("delay_ns", "jitter_ns", "reorder_extra_ns", "rate_bps", "queue_octets"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)}: must not be negative")

    def as_dict(self) -> dict[str, int | float]:
        """The fields by name, for JSON."""
        return asdict(self)


def duration_ns(text: str) -> int:
    """Nanoseconds of "20ms", "150us", "1.5s", "300ns"; ValueError for anything else."""
    for unit in ("ns", "us", "ms", "s"):
        number = text.removesuffix(unit)
        if number != text:
            return round(float(number) * _NS_PER[unit])
    raise ValueError(f"{text!r}: a duration needs its unit: ns, us, ms or s")


def bit_rate(text: str) -> int:
    """Bits per second of "512k", "2M", "1G" or a plain number; ValueError for anything else."""
    if text and text[-1] in _BPS_PER:
        return round(float(text[:-1]) * _BPS_PER[text[-1]])
    return int(text)
