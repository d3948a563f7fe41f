"""Events of the receiver of flow records (NetFlow, IPFIX)."""

from tmon_common.events.declaration import SECONDS, Declaration, Severity, number, text

DECLARATIONS = (
    Declaration(
        "netflow_started", Severity.INFO, "receiver", "netflow receiver {subject}: started, port {port}",
        "It receives from now on. Nobody sends again what was exported before.", "Nothing.",
        (number("port", "UDP port where it listens"),)),
    Declaration(
        "netflow_stopped", Severity.INFO, "receiver",
        "netflow receiver {subject}: stopped: {reason}; {records:,} flow records taken",
        "It was told to stop; all files are complete. What exporters send until it is back is lost.", "Nothing, if it was meant.",
        (text("reason", "a signal, a failure"), number("records", "since it started"))),
    Declaration(
        "netflow_lost", Severity.WARNING, "exporter", "exporter {subject}: {count:,} {what} did not arrive, within {seconds} s",
        "By its sequence numbers: volumes of this time are too low. Told at once, then at most once a minute.",
        "If the receiver is busy: fewer flows (sampling, longer timeouts of the exporter), net.core.rmem_max, `--buffer`; else "
        "look for loss on the way, or for an exporter that numbers otherwise than its protocol says.",
        (number("count", "since this was last told"), text("what", "flows of v5, datagrams of v9, records of IPFIX"), SECONDS)),
    Declaration(
        "netflow_not_understood", Severity.WARNING, "receiver",
        "netflow receiver {subject}: not understood: {count:,} within {seconds} s, the last from {source}: {reasons}",
        "Datagrams, sets or records that changed nothing. Told at once, then at most once a minute.",
        "no_template: the exporter sends its templates seldom, or not at all, have it do so every minute; exporter: list it with "
        "--exporter; others: docs/netflow.md.",
        (number("count", "since this was last told"), SECONDS, text("source", "who sent the last one; it may be forged"),
         text("reasons", "how many of each reason (docs/netflow.md)"))),
    Declaration(
        "netflow_misdated", Severity.WARNING, "receiver",
        "netflow receiver {subject}: flows whose times were moved: {count:,} within {seconds} s: {reasons}",
        "Volumes are exact, minutes are not. Told at once, then at most once a minute.",
        "Give the exporter the right time (NTP); long: give it an active timeout of at most some minutes.",
        (number("count", "since this was last told"), SECONDS, text("reasons", "how many of each reason (docs/netflow.md)"))),
    Declaration(
        "netflow_sampling", Severity.INFO, "exporter", "exporter {subject}: looks at one packet of {rate:,}; counts are multiplied",
        "The exporter tells so, in its options, or in the headers of v5. Small flows are estimates only.",
        "Nothing, if it was meant.",
        (number("rate", "packets for each that it looks at, the largest of its samplers"),)),
    Declaration(
        "netflow_restarted", Severity.INFO, "exporter", "exporter {subject}: has started anew",
        "Its uptime began again; its templates are forgotten, as they may have changed.", "Nothing, if it was meant."),
)
