"""The agent of a probe or collector: a process beside it that answers monitors and tells managers of events."""
