"""What a collector counts of a one-way class."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class OneWayCounts:
    """Since the start of the collector; observations, unless something else is said.

    pdus                    with observations of the class
    observations            in these
    gaps                    PDUs that probes say they gave up
    rounds, packets         settled
    rounds_forced           of these, without having waited for all probes: max_lifetime, or no room
    late                    of rounds that were settled already, or of runs that are over; not used
    refused                 there was no room (max_in_flight); not used
    ahead                   there was no room, and they were far ahead of the collector's clock and of other probes; not used
    undefined               the definition of their flow did not come in time, or there was no room for it; not used
    unexpected              of probes that are not at any hop of the class, or do not send to this collector; not used
    outdated                kept by an earlier start with other hops; not used
    definitions_forgotten   of flows, for want of room
    clashes                 packets whose signature another packet had at about that time
    negative                delays below zero, from the first hop of the way to the last
    """

    pdus: int = 0
    observations: int = 0
    gaps: int = 0
    rounds: int = 0
    packets: int = 0
    rounds_forced: int = 0
    late: int = 0
    refused: int = 0
    ahead: int = 0
    undefined: int = 0
    unexpected: int = 0
    outdated: int = 0
    definitions_forgotten: int = 0
    clashes: int = 0
    negative: int = 0
