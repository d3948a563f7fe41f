"""TCP connections: one tracker per flow class, shared by the analyses that need it.

Kernels that allocate nothing are compiled without Numba's runtime (`_nrt=False`): arrays handed from one to another then cost no
counting of references (docs/decisions/0004-kernels-and-arrays.md), and they compile in a third of the time.
"""
