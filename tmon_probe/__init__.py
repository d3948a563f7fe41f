"""The probe: father (capture, dissection, sieve), ring, child (flows, analyses), publication."""

import tmon_common  # noqa: F401 it says where compiled kernels are kept
