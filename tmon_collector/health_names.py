"""What each number of a collector's statistics is called, and how they lie in the block.

The collector's own names stand alone. Those of probe n (of the identity's list) begin with `probe_<n>_`, those of a kind with
`kind_<n>_`, of a one-way class with `one_way_<n>_`; of a reason to reject there is `rejected_<reason>_datagrams`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from tmon_collector.one_way.counts import OneWayCounts
from tmon_common.pdu.error import REASONS as OF_DATAGRAMS

PROBE_STATES = ("never", "alive", "silent", "broken")
"""never: not heard since the collector started; broken: not heard for too long, while datagrams come in its name that are not
taken. In the block: the position here."""
NEVER, ALIVE, SILENT, BROKEN = range(len(PROBE_STATES))

COUNTED = ("datagrams", "octets", "heartbeats", "pdus", "rows", "duplicates", "rejected", "refused", "unwritten", "acks_sent",
           "octets_sent", "own_rows_lost")
"""Of what comes and goes: tmon_collector.statistics."""
OWN = (*COUNTED,
       "receive_errors",  # of the socket, sending included
       "receive_drops",  # datagrams that the system dropped for want of room in the receive buffer
       "files_completed", "files_open", "write_failures",
       "in_trouble",  # 1: the spool cannot be written now
       "journal_octets",
       "own_rows_waiting",  # for a disk that is full
       "probes_alive", "probes_silent", "probes_broken", "probes_never",
       "keys_missing",  # probes whose key file cannot be used
       "threshold_crossings",
       "thresholds_crossed",  # now, by at least one series
       "series_crossed",  # now
       "events_told",
       "pid", "cpu_ns",  # processor time used
       "progress",  # grows as long as the loop goes round
       "written_ns")  # wall time when these numbers were written, ns since 1970-01-01 UTC
PROBE = ("state",  # position in PROBE_STATES
         "last_heard_ns", "run_ns",  # wall time, ns since 1970-01-01 UTC; 0 if it was not heard
         "heartbeats", "pdus", "rows", "duplicates", "refused",
         "rejected",  # datagrams in its name that changed nothing; whoever sent them
         "clock_known",  # 1: the offset is bounded on both sides
         "clock_offset_ns", "clock_uncertainty_ns",  # 0 where it is not known
         "clock_steps")
KIND = ("rows", "octets", "files", "open")
ONE_WAY = (*(f.name for f in fields(OneWayCounts)),
           "waiting",  # observations
           "settled_ns")  # packets that passed before have their verdict, ns since 1970-01-01 UTC; 0: none has

REASONS = (*OF_DATAGRAMS, "no_memory")
"""Why datagrams are rejected: what is wrong with them, or that too many PDUs of a probe's run are missing in between."""


def parts_of(probes: Sequence[str], kinds: Sequence[str], classes: Sequence[str]) -> list[tuple[tuple, tuple[str, ...]]]:
    """(key, names as they stand in the block) of every part.

    Keys: ("own",), ("rejected",), ("probe", n), ("kind", n), ("one_way", n).
    """
    parts: list[tuple[tuple, tuple[str, ...]]] = [
        (("own",), OWN), (("rejected",), tuple(f"rejected_{reason}_datagrams" for reason in REASONS))]
    for what, listed, names in (("probe", probes, PROBE), ("kind", kinds, KIND), ("one_way", classes, ONE_WAY)):
        parts += [((what, n), tuple(f"{what}_{n}_{name}" for name in names)) for n in range(len(listed))]
    return parts
