"""Events of a probe as a whole: its start and end, its processes, the ring between them."""

from tmon_common.events.declaration import Declaration, Severity, number, text

DECLARATIONS = (
    Declaration(
        "probe_started", Severity.INFO, "probe", "probe {subject}: started, version {version}, interfaces: {interfaces}",
        "A run of the probe begins: its flows are numbered anew.",
        "Nothing. Without a probe_stopped before it, the probe or its machine was cut off.",
        (text("version", "of the program"), number("interfaces", "how many it reads"))),
    Declaration(
        "probe_stopped", Severity.INFO, "probe", "probe {subject}: stopped: {reason}",
        "The run ends in order; everything measured is handed over.",
        "Nothing, if it was meant.",
        (text("reason", "a signal, the end of the recordings, a failure"),)),
    Declaration(
        "ring_saturated", Severity.WARNING, "ring", "{subject}: full ({slots:,} packets); the father waits for the child",
        "Packets come faster than the child measures; while the father waits, the kernel's buffer fills and may drop.",
        "A larger `ring_slots`, more CPUs for the child, fewer flows or analyses.",
        (number("slots", "packets that it holds"), number("waits", "how often the father has waited so far"))),
    Declaration(
        "ring_restored", Severity.INFO, "ring",
        "{subject}: below half again after {duration_ms} ms; the father waited {waits:,} times",
        "The saturation told by ring_saturated is over.", "Look for kernel_drops of the same time.",
        (number("duration_ms", "from the saturation on"), number("waits", "of the father in that time"))),
    Declaration(
        "father_lost", Severity.ERROR, "probe", "probe {subject}: its father process died; the child finishes what it has",
        "Nothing more is captured; what was in the ring is measured and sent.",
        "Look for the reason in the log and the kernel's (out of memory?); report it if it is a fault of ours. Let the service "
        "manager restart the probe."),
    Declaration(
        "keeper_lost", Severity.WARNING, "probe", "probe {subject}: the process that keeps its privileges died",
        "Capture goes on. But a device that is removed and made anew cannot be opened again, offloads that were switched off stay "
        "off, and at the next switch of the configuration the program ends with exit status 4, to be started anew.",
        "Restart the probe when it suits. Look for the reason in the kernel's log (out of memory?)."),
    Declaration(
        "events_lost", Severity.WARNING, "probe", "probe {subject}: {events} events could not be told",
        "More events than the child could take.", "Look at the log of that time.",
        (number("events", "since this was last told"),)),
)
