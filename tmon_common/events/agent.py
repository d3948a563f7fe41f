"""Events of the agent beside a program: who answers SNMP and Prometheus."""

from tmon_common.events.declaration import Declaration, Severity, number, text

DECLARATIONS: tuple[Declaration, ...] = (
    Declaration(
        "agent_failed", Severity.WARNING, "probe or collector",
        "{subject}: its agent ended ({how}), for the {failures}. time; it is started again in {seconds} s",
        "The process that answers SNMP and Prometheus, and tells managers of events, ended by itself. What is measured, sent and "
        "written is not touched.",
        "The log says why: a port that another program has, secrets that cannot be used. A change of the configuration takes force "
        "at the next switch.",
        (text("how", "exit status or signal"), number("failures", "since the program started"),
         number("seconds", "until it is started again"))),
    Declaration(
        "agent_back", Severity.INFO, "probe or collector", "{subject}: its agent answers again",
        "The trouble told by agent_failed has ended: the new one has run for ten seconds.", "Nothing."),
)
