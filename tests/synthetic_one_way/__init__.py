"""Captures of a network that never was, seeded, and the truth about every packet in them.

    from tests.synthetic_one_way import cases, simulate
    made = simulate(cases.THREE_HOPS)      # what passed where, and what must be found
    made.write(directory)                  # a nanosecond pcap for each observation point
"""

from tests.synthetic_one_way.simulation import Made, simulate

__all__ = ["Made", "simulate"]
