"""Events of a collector: its start and end, its files, the probes it hears."""

from tmon_common.events.declaration import SECONDS, Declaration, Severity, number, text

_REASONS = text("reasons", "how many of each reason (docs/protocol.md)")

DECLARATIONS: tuple[Declaration, ...] = (
    Declaration(
        "collector_started", Severity.INFO, "collector", "collector {subject}: started, port {port}",
        "It receives from now on. What probes sent before, and kept, comes now.", "Nothing.",
        (number("port", "UDP port where it listens"),)),
    Declaration(
        "collector_stopped", Severity.INFO, "collector", "collector {subject}: stopped: {reason}; {pdus:,} PDUs written",
        "It was told to stop; all files are complete. Probes keep their observations until it is back.",
        "Nothing, if it was meant.",
        (text("reason", "a signal, a configuration switch, a failure"), number("pdus", "written since it started"))),
    Declaration(
        "collector_recovered", Severity.WARNING, "collector",
        "collector {subject}: was killed before; {files} files completed, {cut:,} octets of unfinished rows dropped, {missing:,} "
        "octets missing, {runs} runs of probes remembered",
        "The collector before this one did not stop by itself. What was dropped was never acknowledged: probes send it again. "
        "Octets are missing after a power loss only: those rows were acknowledged and are lost.",
        "See why it was killed (memory, power). Against loss of power: sync=\"yes\" of <spool>.",
        (number("files", "`.part` files completed"), number("cut", "octets cut off"),
         number("missing", "octets acknowledged and lost"), number("runs", "of which it is known what is written"))),
    Declaration(
        "disk_full", Severity.ERROR, "directory", "spool {subject}: cannot be written: {error}",
        "Nothing is acknowledged that is not written: probes keep their observations, up to what their queues hold. Written here "
        "when there is room again, with the time when it began.",
        "Free some room on that file system; the log says which file cannot be written.",
        (text("error", "what the system says"),)),
    Declaration(
        "disk_back", Severity.INFO, "directory", "spool {subject}: can be written again",
        "The trouble told by disk_full has ended.", "Nothing."),
    Declaration(
        "probe_silent", Severity.WARNING, "probe", "probe {subject}: not heard for {seconds} s",
        "A declared probe sent nothing that could be taken, not even three heartbeats; or it was never heard since the collector "
        "started. Told once.",
        "See whether it runs and reaches this collector (address, port, firewall), and whether both have the same key: bad_pdus.",
        (SECONDS,)),
    Declaration(
        "probe_back", Severity.INFO, "probe", "probe {subject}: heard again after {seconds} s",
        "The silence told by probe_silent has ended. What the probe kept comes now.", "Nothing.",
        (SECONDS,)),
    Declaration(
        "bad_pdus", Severity.WARNING, "collector",
        "collector {subject}: datagrams that changed nothing: {datagrams:,} within {seconds} s, the last from {source}: {reasons}",
        "Datagrams that are no PDUs of a declared probe, are damaged, forged or seen before, or that this version does not "
        "understand. Told at once, then at most once a minute.",
        "unknown_probe: declare it; no_key, corrupt, unsealed: compare key files and `seal`; kind: update the collector; others: "
        "see who sends there.",
        (number("datagrams", "since this was last told"), SECONDS, text("source", "address of the last one; it may be forged"),
         _REASONS)),
)
