"""The collector: receives PDUs, decodes them, writes the spool, acknowledges."""

import tmon_common  # noqa: F401 it says where compiled kernels are kept
