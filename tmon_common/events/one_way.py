"""Events of one-way measurement in collectors: what makes its figures incomplete, or doubtful."""

from tmon_common.events.declaration import SECONDS, Declaration, Severity, number, text

DECLARATIONS = (
    Declaration(
        "one_way_waiting", Severity.INFO, "flow class",
        "one-way class {subject}: packets wait for {probes}, for {seconds} s now",
        "Other probes have delivered their observations, these have not: their packets are neither lost nor complete "
        "yet. Told once "
        "until it is over, or one_way_forced says that they were not waited for any longer.",
        "Look whether the probe runs and reaches the collector (probe_silent). Its observations count as long as they come within "
        "max_lifetime.",
        (text("probes", "those that have delivered least"), SECONDS)),
    Declaration(
        "one_way_forced", Severity.WARNING, "flow class",
        "one-way class {subject}: packets were settled without {probes} ({reason}), {rounds} rounds so far",
        "max_lifetime was over, or observations found no more room (max_in_flight). What these probes did not deliver "
        "makes packets "
        "dropped, not lost; what they deliver later is too late. At most once in ten minutes.",
        "Bring the probe back, or take it out of the class. If room was short: raise max_in_flight, or narrow the filter.",
        (text("probes", "those that were not waited for"), text("reason", "max_lifetime or max_in_flight"),
         number("rounds", "settled that way since the start of the collector"))),
    Declaration(
        "one_way_unused", Severity.WARNING, "flow class",
        "one-way class {subject}: {observations} observations were not used: {reasons}",
        "late: their packets were settled already; refused: no room (max_in_flight); ahead: the same, and their time was far "
        "ahead of the collector's clock and of other probes; undefined: without flow definition; "
        "unexpected: "
        "of a probe at no hop of the class, or one that does not send to this collector; outdated: kept by an earlier "
        "start with other "
        "hops. At most once in ten minutes.",
        "late, ahead: look at the clocks of the probes, or raise late_slots; refused: raise max_in_flight; unexpected, outdated: "
        "see that "
        "probes and collectors have the same configuration.",
        (number("observations", "since the last of these events"), text("reasons", "number of each"))),
    Declaration(
        "signature_clashes", Severity.WARNING, "flow class",
        "one-way class {subject}: {clashes} of {packets} packets had the signature of another one",
        "More than clash_rate: they were told apart by time alone, so that some delays and losses may be others'. At "
        "most once in ten "
        "minutes.",
        "Use longer signatures (signature=\"32\"), a smaller max_transit, more hashed_octets; or see what repeats the "
        "same packets.",
        (number("clashes", "packets"), number("packets", "all of them"))),
    Declaration(
        "negative_delays", Severity.WARNING, "flow class",
        "one-way class {subject}: {negative} of {packets} packets arrived before they had left, by the clocks of the probes",
        "Clocks are apart by more than the way takes. Delays are given as they are; clock_offset tells by how much "
        "clocks are apart. At "
        "most once in ten minutes.",
        "Look at time synchronisation on the hosts of the probes (chronyc tracking, ptp4l).",
        (number("negative", "packets"), number("packets", "all of them"))),
)
