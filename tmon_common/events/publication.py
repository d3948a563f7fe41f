"""Events of publication: the way from a probe to its collectors."""

from tmon_common.events.declaration import SECONDS, Declaration, Severity, number, text

DECLARATIONS = (
    Declaration(
        "link_lost", Severity.WARNING, "collector",
        "collector {subject} at {address} port {port}: nothing acknowledged for {seconds} s; {waiting:,} PDUs wait",
        "All retries of a PDU were used up, and nothing else was acknowledged either. The probe keeps what it has and asks seldom "
        "until an acknowledgement comes (long retry mode, publication.md).",
        "Look at the way there (ping, firewall, UDP port), whether the collector runs, and whether its spool is writable.",
        (text("address", "where the probe sends to"), number("port", "UDP"), SECONDS, number("waiting", "PDUs held"))),
    Declaration(
        "link_back", Severity.WARNING, "collector",
        "collector {subject} at {address} port {port}: acknowledges again after {seconds} s; rows given up meanwhile: {rows:,}",
        "The time without acknowledgements told by link_lost is over; what waits is delivered now, at the usual pace.",
        "If rows were given up: raise `final_timeout` or `queue`; observations_given_up tells which.",
        (text("address", "where the probe sends to"), number("port", "UDP"), SECONDS, number("rows", "given up while it lasted"))),
    Declaration(
        "observations_given_up", Severity.WARNING, "collector",
        "collector {subject}: rows of {kind} given up: {rows:,} ({cause})",
        "Rows that this collector will never get. Told when acknowledgements come back, else at once, then at most once a "
        "minute; the sum over all of these events is what is missing.",
        "final timeout: raise `final_timeout`. queue full: raise `queue` or `max_rate`, lower `min_gap`; or measure less. too "
        "long for a PDU, out of range: report it.",
        (text("kind", "of observation"), number("rows", "since this was last told"),
         text("cause", "final timeout, queue full, too long for a PDU, or out of range"))),
)
