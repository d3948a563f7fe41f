"""The probe: father (capture, dissection, sieve), ring, child (flows, analyses), publication."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy's threads would be there, with all privileges, before these are given up

import tmon_common  # noqa: F401 it says where compiled kernels are kept
