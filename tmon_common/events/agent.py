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
    Declaration(
        "events_summed", Severity.WARNING, "probe or collector", "{events:,} events not told one by one: {which}",
        "A manager was told this in place of the events themselves: more came than are told at once, or than have room to wait "
        "while the manager does not answer. It is told to managers only, as severe as the worst of them.",
        "The log of the program has every event; so has the table `event`. Raise the severity from which this manager is told.",
        (number("events", "how many"), text("which", "how many of each code"))),
)
