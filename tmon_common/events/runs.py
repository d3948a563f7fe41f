"""Events of runs of any program of trafMon."""

from tmon_common.events.declaration import Declaration, Severity, text

DECLARATIONS = (
    Declaration(
        "previous_run_died", Severity.WARNING, "program",
        "{program} {subject}: the run before, begun {began}, did not end in order",
        "It was killed, or a process that it needs was: by the system for want of memory, by the service manager for want of "
        "progress, by a person, or for a fault of ours. From its death to this start nothing was measured, or received. A machine "
        "that lost its power tells nothing.",
        "Look at the log of that time and the kernel's (out of memory?), and at the service manager's (journalctl -u UNIT).",
        (text("program", "tmon_probe or tmon_collector"), text("began", "the start of that run"))),
)
