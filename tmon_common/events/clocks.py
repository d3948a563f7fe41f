"""Events of the probes' clocks, as a collector sees them."""

from tmon_common.events.declaration import Declaration, Severity, number

_BOUNDS = (number("offset_low_us", "the collector's clock is at least so far ahead; negative: behind"),
           number("offset_high_us", "and at most so far"))

DECLARATIONS = (
    Declaration(
        "clock_unsound", Severity.WARNING, "probe",
        "probe {subject}: its clock is wrong by more than is tolerated: the collector's is ahead by {offset_low_us:,} to "
        "{offset_high_us:,} us",
        "The offset is surely beyond `clock_tolerance` of the collector, whichever way is slow: one-way figures of this probe "
        "mean nothing.",
        "Look at its time synchronisation (chronyc tracking, timedatectl), and at the collector's.",
        _BOUNDS),
    Declaration(
        "clock_sound", Severity.INFO, "probe",
        "probe {subject}: its clock may be right again: the collector's is ahead by {offset_low_us:,} to {offset_high_us:,} us",
        "The offset told by clock_unsound is no longer surely beyond what is tolerated.", "See clock_unsound.",
        _BOUNDS),
    Declaration(
        "clock_stepped", Severity.WARNING, "probe",
        "probe {subject}: its clock, or the collector's, was set: the offset is another by at least {by_us:,} us",
        "A heartbeat contradicts those before it by more than `clock_tolerance`. Time stamps before and after are not of one "
        "clock.",
        "Let clocks be slewed, not stepped, while programs run (chrony: makestep only at boot).",
        (number("by_us", "least change of the offset; positive: the collector's clock went ahead"),)),
)
