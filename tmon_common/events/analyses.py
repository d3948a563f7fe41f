"""Events of analyses: what they had to give up or found amiss."""

from tmon_common.events.declaration import Declaration, Severity, number

DECLARATIONS = (
    Declaration(
        "datagrams_incomplete", Severity.WARNING, "counter", "{subject}: {count:,} of which some fragments did not come",
        "Fragments were lost on the way, or not captured: these datagrams are not analysed. Told at once, then at most once a "
        "minute.",
        "If many: look for loss on the path, or a path that carries only some of the fragments past the probe.",
        (number("count", "since this was last told"),)),
    Declaration(
        "fragments_overlap", Severity.WARNING, "counter", "{subject}: {count:,} with octets that others had brought before",
        "No sound sender does that; the first data counts. Told at once, then at most once a minute.",
        "Look at them with tcpdump: an attack that means to deceive monitors, or a broken stack (RFC 5722, RFC 1858).",
        (number("count", "since this was last told"),)),
    Declaration(
        "analysis_gave_up", Severity.WARNING, "counter", "{subject}: {count:,} given up for want of room",
        "A table of an analysis is full: the oldest entries go, and their figures end early. Told at once, then at most once a "
        "minute.",
        "Raise the maximum of that analysis (docs/configuration.md), or look for a flood of requests or SYNs at that time.",
        (number("count", "since this was last told"),)),
)
