"""Packets under construction: a row of words each, one line of the CPU's cache for three hops. Only numbers stand here."""

REFERENCE, FLOW, SIGNATURE, POINTS, COUNTS, TIMES = range(6)
"""Words of a row: reference_ns; flow << 32 | definition; signature << 32 | observation at the reference; points, 8 bits a hop;
copies << 2 | reverse << 1 | clash; then a time for each hop.

Rows that hold no packet have EMPTY instead of counts, a flow, and its way (1: reverse) instead of points.
"""
EMPTY = -1
