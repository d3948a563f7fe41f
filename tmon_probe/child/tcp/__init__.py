"""TCP connections: state of each, kept by compiled kernels."""
