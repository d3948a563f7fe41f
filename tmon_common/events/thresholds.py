"""Events of thresholds: a metric crossed one, and came back."""

from tmon_common.events.declaration import Declaration, Severity, number, text

_SERIES = (
    text("series", "what was measured: class, probe, values of the fields that `per` names"),
    text("metric", "with service and percentile"),
)
_MEASURED = (
    text("what", "the value, for people"),
    text("value", "the same as a number: bit/s, per second, ratio, seconds or count; empty if nothing was measured"),
)
_INTERVAL = (
    number("start", "of the interval, seconds since 1970-01-01 UTC"),
    number("seconds", "length of the interval"),
    number("intervals", "in a row that it took"),
)

DECLARATIONS = (
    Declaration(
        "threshold_crossed", Severity.WARNING, "threshold", "threshold {subject}: {metric} of {series}: {what} is {side} {limit}",
        "A metric is beyond the limit for as long as `for` of the threshold says. Its severity is what the threshold says; told "
        "once, whatever follows, until threshold_back.",
        "Look at the interval and series in the database; docs/thresholds.md. Raise `for` or the limit if it is just usual.",
        (*_SERIES, *_MEASURED, text("side", "above or below"), text("limit", "what was crossed, for people"),
         text("limit_value", "the same as a number"), text("baseline", "what is usual, as a number; empty without a baseline"),
         *_INTERVAL)),
    Declaration(
        "threshold_back", Severity.INFO, "threshold", "threshold {subject}: {metric} of {series}: {what}, back after {lasted} s",
        "What threshold_crossed told has ended: the metric is at or beyond `back` for as long as `for` says; or the series has had "
        "no rows for so long that it is given up.", "Nothing.",
        (*_SERIES, *_MEASURED, text("back", "the value to come back to, for people"),
         text("baseline", "what is usual, as a number; empty without a baseline"), *_INTERVAL,
         number("lasted", "seconds from the end of the interval of the crossing to the end of this one"))),
)
